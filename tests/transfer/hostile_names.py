"""Every name that ever broke a tool, as bytes."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

NAMES = [
    b"train.py",
    b"-rf",
    b"--delete",
    b"#comment",
    b";semi",
    b"!bang",
    b"sp ace",
    b" lead and trail ",
    b"new\nline",
    b"cr\rtab\t",
    b"$(touch pwned)",
    b"`touch pwned`",
    b'it\'s "quoted"',
    b"back\\slash",
    b"st*r [x] ?",
    b"{a,b}",
    b"~home",
    b"host:path",
    b"a.b.",
    b"\xff\xfe not utf-8",
    "한글 이름.py".encode(),
    unicodedata.normalize("NFD", "분해된 이름").encode(),
    b"deep/-x/\xea\xb0\x80 \n/f.py",
    b"x" * 200 + b"/" + b"y" * 200,
]


def write(folder: Path, name: bytes, content: bytes = b"content\n") -> Path:
    """Write a file by its bytes name and return its full path."""
    full = folder / os.fsdecode(name)
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(content)
    return full
