"""What of a project's folder is code: the rules of ``.gitignore`` and ``.jidoignore``, and a few of jido's own."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from pathspec import GitIgnoreSpec

from jido.errors import ConfigError
from jido.words import tr

FILES = (".gitignore", ".jidoignore")

# Never code, whatever a file says: repositories, what tools make again, jido's own.
NEVER = frozenset(
    b".git .hg .svn .jido __pycache__ node_modules .mypy_cache .pytest_cache .ruff_cache .ipynb_checkpoints"
    b" .tox .nox .DS_Store".split()
)
# A folder with one of these inside is an environment: made for this machine, of no use on another.
ENVIRONMENTS = frozenset((b"pyvenv.cfg", b"conda-meta"))

# Roles whose folders hold no code, unless the folder is a Python package: `data/__init__.py` is a common sight.
NOT_CODE = ("data", "checkpoints", "results", "logs", "cache", "envs", "runs", "snapshots")


class Rules:
    """The ignore rules that hold in one folder; rules of deeper folders beat those above, later lines earlier ones.

    Args:
        folder: Path of the folder relative to the project, in bytes, empty for the project itself.
        above: The rules of the folder above.
        lines: This folder's own lines, in the notation of ``.gitignore``.
    """

    def __init__(self, folder: bytes, above: Rules | None, lines: Iterable[str]) -> None:
        self.folder = folder
        self.above = above
        # pathspec 1.1 lets `data/**` match the folder `data` itself, and `!data/keep` then comes too late; git does
        # not. `data/**/*` says the same without doubt.
        spec = GitIgnoreSpec.from_lines(re.sub(r"(?:/\*\*)+(/?) *$", r"/**/*\1", line) for line in lines)
        found = ((pattern.include, pattern.regex) for pattern in spec.patterns)
        self.patterns = [(bool(include), regex) for include, regex in found if include is not None and regex][::-1]
        # One search says no for most paths; only the others are asked about pattern by pattern.
        parts = (regex.pattern.replace("?P<ps_d>", "?:") for _, regex in self.patterns)
        self.any = re.compile("|".join(f"(?:{part})" for part in parts) if self.patterns else "(?!)")

    def ignores(self, path: bytes, *, is_folder: bool) -> bool:
        """Whether a path, relative to the project, is left out; the folders above it are known not to be."""
        rules: Rules | None = self
        while rules is not None:
            inside = path[len(rules.folder) + 1 :] if rules.folder else path
            text = _text(inside) + ("/" if is_folder else "")
            for include, regex in rules.patterns if rules.any.search(text) else ():
                if any(_itself(match, text) for match in regex.finditer(text)):
                    return include
            rules = rules.above
        return False


def _itself(match: re.Match[str], text: str) -> bool:
    """Whether a pattern means this very path: to pathspec, `build` also means all that is in the folder.

    Git asks folder by folder, so that a later `!build` takes back nothing of what an earlier `a` says of `build/a`.
    """
    through = match.end("ps_d") if "ps_d" in match.re.groupindex else -1
    return through in (-1, len(text))


def project_rules(folder: Path, extra: Iterable[str] = ()) -> Rules:
    """The rules of a project's own folder.

    Args:
        folder: The project's folder.
        extra: Further patterns, of ``[layout] ignore``.

    Raises:
        ConfigError: A pattern cannot be read.
    """
    heavy = [f"/{role}/" for role in NOT_CODE if not (folder / role / "__init__.py").exists()]
    # A link to the datasets elsewhere (`data -> /mnt/big`) is no folder to git, and means nothing there.
    links = [f"/{role}" for role in NOT_CODE if (folder / role).is_symlink()]
    try:
        base = Rules(b"", None, [*heavy, *links, *map(_composed, extra)])
    except ValueError as error:
        raise ConfigError(tr("[layout] ignore: {error}", error=error), file=str(folder / "jido.toml")) from error
    return folder_rules(os.fsencode(folder), b"", base)


def folder_rules(root: bytes, folder: bytes, above: Rules, files: Iterable[str] = FILES) -> Rules:
    """The rules of a folder: its own ignore files on top of what holds above; `above` itself where it has none.

    Raises:
        ConfigError: A pattern cannot be read; names the file and line.
    """
    lines: list[str] = []
    for name in files:
        file = b"/".join(part for part in (root, folder, os.fsencode(name)) if part)
        try:
            with open(file, "rb") as stream:  # noqa: PTH123 - a bytes path, which pathlib does not take
                found = [_text(line.rstrip(b"\r")) for line in stream.read().split(b"\n")]
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError(
                tr("cannot be read: {strerror}", strerror=error.strerror), file=os.fsdecode(file)
            ) from error
        _check(found, os.fsdecode(file))
        lines += found
    return Rules(folder, above, lines) if lines else above


def _check(lines: list[str], file: str) -> None:
    try:
        GitIgnoreSpec.from_lines(lines)
    except ValueError:
        for number, line in enumerate(lines, 1):
            try:
                GitIgnoreSpec.from_lines([line])
            except ValueError as error:
                raise ConfigError(
                    tr("this is no pattern: {line!r}", line=line), file=file, line=number, cause=str(error)
                ) from error
        raise


def _composed(text: str) -> str:
    # macOS hands file names out decomposed; a pattern typed in either form means the same name.
    return unicodedata.normalize("NFC", text)


def _text(path: bytes) -> str:
    """A path as patterns see it; what is not UTF-8 cannot be typed in a pattern and only meets wildcards."""
    return _composed(path.decode("utf-8", "replace"))
