"""`jido check` as a person types it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from spoken import Jido

from jido.check.rules import BY_NAME
from jido.check.speech import _texts, rule_in

BAD = "#!/bin/bash\n#SBATCH --tme=60\n#SBATCH --mem=4G -c 2\npython train.py\n"
GOOD = "#!/bin/bash\n#SBATCH --time=60\n#SBATCH --mem=4G -c 2\npython train.py\n"
NAME = "한 글 'q\" $(touch pwned).sh"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_script_with_nothing_wrong_ends_with_0(jido: Jido, folder: Path) -> None:
    Path("train.sh").write_text(GOOD)
    said = jido("check", "train.sh")
    assert (said.code, said.err) == (0, "")
    assert "nothing found in train.sh" in said.out


def test_an_error_ends_with_5_and_tells_place_reason_and_cure(jido: Jido, folder: Path) -> None:
    Path(NAME).write_text(BAD)
    said = jido("check", NAME)
    assert said.code == 5
    first, *rest = said.out.splitlines()
    assert first == f"{NAME}:2:9: error: option-unknown"
    assert {line.split()[0] for line in rest if line.startswith("  ")} >= {"why", "fix"}


def test_warnings_end_with_0_unless_strict(jido: Jido, folder: Path) -> None:
    Path("x.sh").write_text(GOOD + "conda activate x\n")
    assert jido("check", "x.sh").code == 0
    assert jido("check", "x.sh", "--strict").code == 12


def test_what_is_no_script_and_no_job_is_told_with_the_nearest(jido: Jido, folder: Path) -> None:
    Path("train.sh").write_text(GOOD)
    said = jido("check", "trian.sh")
    assert said.code == 4
    assert "'train.sh'" in said.err


def test_there_is_nothing_to_check(jido: Jido, folder: Path) -> None:
    assert jido("check").code == 2
    (folder / "d").mkdir()
    assert "is a folder" in jido("check", "d").err
    assert "not absolute" in jido("check", "d", "--dir", "data").err


def test_fix_shows_first_and_writes_nothing_unasked(jido: Jido, folder: Path) -> None:
    Path("train.sh").write_text(BAD)
    said = jido("check", "train.sh", "--fix")
    assert "-#SBATCH --tme=60\n+#SBATCH --time=60\n" in said.out
    assert "wants --yes" in said.err
    assert (said.code, Path("train.sh").read_text()) == (5, BAD)


def test_fix_writes_once_and_keeps_the_mode(jido: Jido, folder: Path) -> None:
    script = Path(NAME)
    script.write_text(BAD)
    script.chmod(0o750)
    assert jido("check", NAME, "--fix", "--yes").code == 0
    assert (script.read_text(), script.stat().st_mode & 0o777) == (GOOD, 0o750)
    again = jido("check", NAME, "--fix", "--yes")
    assert "nothing that could be mended" in again.err
    assert [file.name for file in folder.iterdir()] == [NAME]


def test_bytes_that_are_no_text_survive_a_fix(jido: Jido, folder: Path) -> None:
    Path("x.sh").write_bytes(BAD.encode() + b"echo \xff\xfe\n")
    assert jido("check", "x.sh", "--fix", "--yes").code == 0
    assert Path("x.sh").read_bytes() == GOOD.encode() + b"echo \xff\xfe\n"
    json.loads(jido("check", "x.sh", "--json").out)
    json.loads(jido("check", "x.sh", "--sarif").out)


def test_every_rule_is_listed(jido: Jido, folder: Path) -> None:
    said = jido("check", "--rules").out
    assert re.findall(r"^([a-z-]+) \(", said, re.M) == list(BY_NAME)
    assert [row["name"] for row in json.loads(jido("check", "--rules", "--json").out)] == list(BY_NAME)


def test_reasons_come_in_korean(jido: Jido, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("train.sh").write_text(BAD + "conda activate x\n")
    assert "아무것도 제출되지 않습니다" in jido("check", "train.sh", "--lang", "ko").out
    monkeypatch.setenv("JIDO_LANG", "ko")
    assert "대화식이 아니라서" in jido("check", "train.sh").out
    assert "home이" in jido("check", "--rules").out or "home은" in jido("check", "--rules").out
    assert not re.search("[가-힣]", jido("check", "train.sh", "--json").out)


def test_every_rule_speaks_korean() -> None:
    for rule in BY_NAME.values():
        spoken = rule_in(rule, "ko")
        assert all(re.search("[가-힣]", text) for text in (spoken.about, spoken.why, spoken.fix)), rule.name
    assert set(_texts("ko")) == set(BY_NAME)


def test_json_has_all_of_a_finding(jido: Jido, folder: Path) -> None:
    Path("train.sh").write_text(BAD)
    done = json.loads(jido("check", "train.sh", "--json").out)
    [finding, *_] = done["report"]["findings"]
    assert {key: finding[key] for key in ("rule", "severity", "file", "line", "column", "end")} == {
        "rule": "option-unknown", "severity": "error", "file": "train.sh", "line": 2, "column": 9, "end": 17,
    }  # fmt: skip
    assert finding["edits"] == [{"line": 2, "column": 9, "last": 2, "end": 17, "text": "--time=60"}]
    assert done["diff"].startswith("--- a/train.sh\n")


def test_sarif_has_what_its_schema_requires(jido: Jido, folder: Path) -> None:
    Path(NAME).write_text(BAD + "conda activate x\n")
    Path("crlf.sh").write_text(BAD.replace("\n", "\r\n"), newline="")
    said = jido("check", NAME, "crlf.sh", "--sarif")
    assert said.code == 5
    assert_sarif(json.loads(said.out))


def assert_sarif(document: dict[str, Any]) -> None:
    """The properties that the schema of SARIF 2.1.0 requires, with their kinds and bounds."""
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"]
        rules = [rule["id"] for rule in driver["rules"]]
        assert len(set(rules)) == len(rules)
        for rule in driver["rules"]:
            assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        assert all(isinstance(one["executionSuccessful"], bool) for one in run["invocations"])
        assert run["results"]
        for result in run["results"]:
            assert rules[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert result["message"]["text"]
            for place in result["locations"]:
                where = place["physicalLocation"]
                assert re.fullmatch(r"[\w%./~-]+", where["artifactLocation"]["uri"], re.ASCII)
                assert_region(where["region"])
            for fix in result.get("fixes", ()):
                assert fix["description"]["text"]
                for change in fix["artifactChanges"]:
                    assert change["artifactLocation"]["uri"]
                    assert change["replacements"]
                    for one in change["replacements"]:
                        assert_region(one["deletedRegion"])


def assert_region(region: dict[str, int]) -> None:
    assert set(region) <= {"startLine", "startColumn", "endLine", "endColumn"}
    assert all(value >= 1 for value in region.values())
    start = region["startLine"], region["startColumn"]
    assert (region.get("endLine", region["startLine"]), region.get("endColumn", 1 << 30)) >= start


def test_jobs_of_jido_toml_are_told_at_their_keys(jido: Jido, folder: Path) -> None:
    Path("jido.toml").write_text(
        '[jobs.train]\ncommand = "nohup python train.py &"\ngpus = 1\n\n'
        '[jobs."한 번"]\ncommand = ["true"]\ntime = "1h"\n'
    )
    done = json.loads(jido("check", "--json").out)["report"]
    assert done["checked"] == ["jido.toml:[jobs.train]", "jido.toml:[jobs.한 번]"]
    [finding] = [one for one in done["findings"] if one["rule"] == "background-at-end"]
    assert (finding["line"], finding["job"], finding["edits"]) == (2, "train", [])
    assert jido("check", "한 번").code == 0


def test_a_job_is_held_against_the_map(jido: Jido, folder: Path) -> None:
    from jido.config import maps
    from jido.twins.maps import built_in

    assert jido("add", "aurora", "student@localhost").code == 0
    maps.save("aurora", built_in("aurora"))
    Path("jido.toml").write_text(
        '[project]\ncluster = "aurora"\n[jobs.big]\ncommand = "python x.py"\ngpus = 9\npartition = "batch_ugrad"\n'
    )
    said = jido("check", "big", "--offline")
    assert said.code == 5
    assert "jido.toml:5:1 [big]: error: too-big" in said.out
    assert "jido.toml:3:1 [big]: warning: time-missing" in said.out


def test_a_cluster_that_does_not_answer_is_no_finding(jido: Jido, folder: Path) -> None:
    from jido.config import maps
    from jido.twins.maps import built_in

    assert jido("add", "aurora", "student@localhost", "-p", "1").code == 0
    maps.save("aurora", built_in("aurora"))
    Path("x.sh").write_text(GOOD.replace("python", "#SBATCH -o /data/me/%j.out\npython"))
    said = jido("check", "x.sh")
    assert said.code == 0
    assert "whether the folder /data/me is there" in said.out


def test_nothing_in_a_script_reaches_the_terminal_raw(jido: Jido, folder: Path) -> None:
    Path("x.sh").write_text("#!/bin/bash\n#SBATCH -t 5 --\x1b[31mred=1\ntrue\n")
    assert "\x1b" not in jido("check", "x.sh").out
    assert not os.path.lexists("pwned")


def test_without_a_cluster_a_script_is_read_by_the_engine_whose_lines_it_has(jido: Jido, folder: Path) -> None:
    Path("train.sh").write_text("#!/bin/bash\n#PBS -l walltime=01:00:00,select=1:ncpus=2:mem=4gb\npython train.py\n")
    assert "time-missing" not in jido("check", "train.sh").out
    Path("train.sh").write_text("#!/bin/bash\n#PBS -q batch\npython train.py\n")
    assert "time-missing" in jido("check", "train.sh").out


def test_several_scripts_are_each_read_by_their_own_engine_and_mended_in_its_words(jido: Jido, folder: Path) -> None:
    Path("one.sh").write_text("#!/bin/bash\n#PBS -q batch\npython train.py\n")
    Path("two.sh").write_text("#!/bin/bash\n#SBATCH -p batch\n#SBATCH -c 2\npython train.py\n")
    said = jido("check", "one.sh", "two.sh").out
    assert "-l walltime=" in said
    assert "--time=" in said


def test_a_script_that_tells_nothing_of_its_scheduler_is_read_as_one_of_the_commonest(
    jido: Jido, folder: Path
) -> None:
    Path("plain.sh").write_text("#!/bin/bash\npython train.py\n")
    assert "--time=" in jido("check", "plain.sh").out


TYPED = "executable = train.sh\nrequest_cpu = 4\nrequest_memory = 4GiB\nqueue 3\nrequest_gpus = 1\n"
MENDED = "executable = train.sh\nrequest_cpus = 4\nrequest_memory = 4GB\nrequest_gpus = 1\nqueue 3\n"


def test_a_submit_description_is_known_without_a_cluster_and_mended_in_its_words(jido: Jido, folder: Path) -> None:
    Path(NAME).write_text(TYPED)
    said = jido("check", NAME)
    assert said.code == 5
    for word in ("--name", "--time", "sbatch", "#SBATCH", "shebang", "time-missing", "unrecognized"):
        assert word not in said.out
    assert jido("check", NAME, "--fix", "--yes").code == 0
    assert Path(NAME).read_text() == MENDED
    assert "nothing found" in jido("check", NAME).out


def test_scripts_that_assign_are_not_taken_for_a_submit_description(jido: Jido, folder: Path) -> None:
    Path("one.sh").write_text("#!/bin/bash\n#SBATCH -p batch\nlog=a\nerror=b\noutput=c\npython train.py\n")
    assert "--time=" in jido("check", "one.sh").out
    Path("two.sh").write_text("#!/bin/bash\n#PBS -q batch\nexecutable=./a\nqueue\n$executable\n")
    assert "-l walltime=" in jido("check", "two.sh").out


def test_a_submit_description_is_explained_in_korean(jido: Jido, folder: Path) -> None:
    Path("train.sub").write_text(TYPED)
    said = jido("check", "train.sub", "--lang", "ko").out
    assert "queue 문" in said
    assert "condor_submit takes it" not in said
