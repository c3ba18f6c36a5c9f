"""sacctmgr is spared only where the configuration that it would read says that nothing is kept."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from jido.engines.slurm import looks

pytestmark = pytest.mark.skipif(shutil.which("sacctmgr") != "/usr/bin/sacctmgr", reason="not installed: sacctmgr")

NONE = "ClusterName=a\nAccountingStorageType=accounting_storage/none\n"
SPARED = "accounting storage is disabled"


def said(conf: Path, path: str = "/usr/bin:/bin") -> str:
    """What the look at the associations complains of where sacctmgr itself is not reached."""
    [look] = [part for part in looks.PARTS if part.name == looks.ASSOCIATIONS]
    script = look.script.replace(looks.SACCTMGR, "echo sacctmgr is asked >&2; :")
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": path, "SLURM_CONF": str(conf)}, capture_output=True, text=True, check=False
    )
    return done.stderr


def test_nobody_is_asked_where_the_one_file_says_that_nothing_is_kept(tmp_path: Path) -> None:
    conf = tmp_path / "slurm $(touch pwned).conf"
    conf.write_text(NONE)
    assert SPARED in said(conf)


@pytest.mark.parametrize(
    "text",
    [
        "ClusterName=a\n",
        "ClusterName=a\nAccountingStorageType=accounting_storage/slurmdbd\n",
        NONE + "ACCOUNTINGSTORAGETYPE = accounting_storage/slurmdbd\n",
        NONE + "include more.conf\n",
        "# AccountingStorageType=accounting_storage/none\n",
        "",
    ],
)
def test_whatever_else_it_says_asks_them(tmp_path: Path, text: str) -> None:
    conf = tmp_path / "slurm.conf"
    conf.write_text(text)
    assert said(conf) == "sacctmgr is asked\n"


def test_so_does_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert said(tmp_path / "none.conf") == "sacctmgr is asked\n"


def test_so_does_another_slurm_than_the_distributions(tmp_path: Path) -> None:
    conf = tmp_path / "slurm.conf"
    conf.write_text(NONE)
    own = tmp_path / "sacctmgr"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert said(conf, f"{tmp_path}:/usr/bin:/bin") == "sacctmgr is asked\n"
