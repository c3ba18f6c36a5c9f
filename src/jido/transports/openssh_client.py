"""The ssh program as a process: asked quietly, and missed with words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from jido.errors import TransportError
from jido.words import tr


class client:  # noqa: N801 - reads as the statement it is used in
    """Says what is missing when there is no ssh on this machine."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise TransportError(
                tr("OpenSSH's client is not installed on this machine"),
                cause=str(error),
                hint=tr("install it (Debian, Ubuntu: apt install openssh-client), then repeat the command"),
            ) from error


def quietly(words: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Run ssh without anybody at hand to ask; its exit code (None: not within the time) and its complaint."""
    try:
        with client():
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=seconds,
                start_new_session=True,
                # Without a terminal ssh, or the one it starts for a jump host, may open a window to ask.
                env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
            )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stderr.decode("utf-8", "replace")
