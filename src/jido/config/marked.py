"""A part of a person's text file that jido keeps, between two marks; all around it is the person's and stays.

The part is found by its marks alone, so that it is replaced, not written a second time. A file is read first and
replaced in one step; nothing is written to one that a person protects, or that is not what it seems.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

from jido.errors import ConfigError
from jido.words import tr

_END = "<!-- jido guide: end -->"
# A byte-order mark may stand before the first line, and a carriage return before any line's end.
_BEGINS = re.compile(r"^\ufeff?(<!-- jido guide: begin\b([^\n]*?)-->)[ \t]*\r?$", re.M)
_ENDS = re.compile(r"^\ufeff?(<!-- jido guide: end\b[^\n]*?-->)[ \t]*\r?$", re.M)


def read(folder: Path, name: str) -> bytes | None:
    """What a file of a folder holds; None where there is none.

    Args:
        folder: The folder.
        name: The file, relative to it; none of the folders on the way may be a link, as they may be others' too.

    Raises:
        ConfigError: It is a link, no file, read-only, not UTF-8, or cannot be read; says what to do.
    """
    file = folder / name
    for above in [folder / part for part in Path(name).parents if part != Path()]:
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            what = "a symbolic link" if above.is_symlink() else "no folder"
            raise ConfigError(
                tr("this is {what}", what=what),
                file=str(above),
                hint=tr("put a real folder there, or leave it out (--only)"),
            )
    try:
        seen = file.lstat()
        if stat.S_ISLNK(seen.st_mode):
            raise ConfigError(
                tr("this is a symbolic link"),
                file=str(file),
                cause=tr("it leads to {readlink}, which may be another project's too", readlink=file.readlink()),
                hint=tr("put a real file in its place, or leave it out (--only)"),
            )
        if not stat.S_ISREG(seen.st_mode):
            raise ConfigError(
                tr("this is not a file"), file=str(file), hint=tr("move it away, or leave it out (--only)")
            )
        # Root may write anything; that the mode forbids it to everybody is still somebody's wish.
        if not seen.st_mode & 0o222 or not os.access(file, os.W_OK):
            raise ConfigError(tr("this is read-only"), file=str(file), hint=tr("chmod u+w {name}", name=file.name))
        data = file.read_bytes()
        data.decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            tr("this is not UTF-8 text"),
            file=str(file),
            line=line,
            cause=str(error),
            hint=tr("save it as UTF-8; nothing was written"),
        ) from error
    except OSError as error:
        raise ConfigError(tr("cannot be read: {strerror}", strerror=error.strerror), file=str(file)) from error
    return data


def said(text: str) -> str | None:
    """What the first mark says of the part, which is for whoever made it; None where there is no part."""
    found = _BEGINS.search(text)
    return found[2].strip() if found else None


def with_part(text: str, part: str, about: str, file: str) -> str:
    """The text with a new part in the old one's place; behind all of it where there was none.

    Args:
        text: All of the file.
        part: The new part, without marks, its lines ended by ``\\n``; becomes the file's own line ends.
        about: What the first mark says, on one line.
        file: The file's path, for the error.

    Raises:
        ConfigError: The marks are not one pair, so that it is not known what is whose.
    """
    begins, ends = list(_BEGINS.finditer(text)), list(_ENDS.finditer(text))
    if (len(begins), len(ends)) not in ((0, 0), (1, 1)) or (begins and begins[0].start() > ends[0].start()):
        marks = sorted(one.start(1) for one in (*begins, *ends))
        raise ConfigError(
            tr("the marks of jido's part are not one pair"),
            file=file,
            line=text[: marks[-1]].count("\n") + 1,
            cause=tr(
                "{begins} begin and {ends} end, so it is not known what is yours",
                begins=len(begins),
                ends=len(ends),
            ),
            hint=tr("take these lines out (`jido guide: begin`, `jido guide: end`), and what is old between them"),
        )
    end = "\r\n" if 2 * text.count("\r\n") > text.count("\n") else "\n"
    whole = f"<!-- jido guide: begin {about} -->\n{part}\n{_END}".replace("\n", end)
    if begins:
        return text[: begins[0].start(1)] + whole + text[ends[0].end(1) :]
    between = "" if not text.strip("\ufeff") else end if text.endswith("\n") else end * 2
    return text + between + whole + end


def put(folder: Path, name: str, before: bytes | None, after: bytes) -> None:
    """Put a file in the old one's place in one step; its mode stays.

    Args:
        folder: As of `read`.
        name: As of `read`; folders on the way are made.
        before: What was read; None where there was none.
        after: What is to be there.

    Raises:
        ConfigError: It was changed meanwhile, or cannot be written; it is then as it was.
    """
    file = folder / name
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        new = Path(fresh)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(after)
                stream.flush()
                os.fsync(stream.fileno())
            new.chmod(0o644 if before is None else stat.S_IMODE(file.stat().st_mode))
            if read(folder, name) != before:
                raise ConfigError(tr("it was changed meanwhile"), file=str(file), hint=tr("jido guide, once more"))
            new.replace(file)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(
            tr("cannot be written: {strerror}", strerror=error.strerror), file=str(file), hint=tr("it is as it was")
        ) from error
