"""The folder of a twin: never anything else's, one user at a time, gone when it is gone."""

import threading
from pathlib import Path

import pytest

from jido.errors import InputError, TwinError
from jido.twins import TwinSpec, down, look, up
from jido.twins import folder as folders
from jido.twins.spec import Node

SPEC = TwinSpec("c", nodes=(Node("n1"),))


def test_a_folder_with_other_files_is_neither_taken_nor_removed(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("years of work")
    with pytest.raises(InputError, match="not a twin's folder"):
        up(SPEC, tmp_path)
    with pytest.raises(InputError, match="not a twin's folder"):
        down(tmp_path)
    assert thesis.read_text() == "years of work"


def test_down_where_nothing_is_is_fine(tmp_path: Path) -> None:
    assert down(tmp_path / "never") is False
    assert not (tmp_path / "never").exists()


def test_look_where_nothing_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(TwinError, match="no twin in"):
        look(tmp_path / "never")


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "${HOME}"])
def test_a_folder_that_ssh_cannot_be_told_of_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="a twin cannot lie in"):
        up(SPEC, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_the_lock_is_waited_for(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def first() -> None:
        with folders.locked(tmp_path / "t"):
            inside.set()
            threading.Event().wait(0.1)
            order.append("first")

    holder = threading.Thread(target=first)
    holder.start()
    inside.wait()
    with folders.locked(tmp_path / "t"):
        order.append("second")
    holder.join()
    assert order == ["first", "second"]


def test_who_waited_for_a_folder_that_was_removed_gets_a_new_one(tmp_path: Path) -> None:
    where = tmp_path / "t"
    got: list[bool] = []

    def second() -> None:
        with folders.locked(where):
            got.append(where.is_dir())

    with folders.locked(where):
        waiter = threading.Thread(target=second)
        waiter.start()
        where.rmdir()
    waiter.join()
    assert got == [True]


def test_a_busy_folder_is_given_up_on_in_the_end(tmp_path: Path) -> None:
    def second() -> None:
        with folders.locked(tmp_path / "t", wait=0.05):
            pass

    with folders.locked(tmp_path / "t"), pytest.raises(TwinError, match="busy"):
        second()


def test_what_its_user_closed_is_removed_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / "t" / "closed" / "deeper"
    deep.mkdir(parents=True)
    (deep / "한글 $(x)\n").write_text("x")
    deep.chmod(0)
    deep.parent.chmod(0o111)
    folders.remove(tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jido.twins.lifecycle._OUR_NEEDS", {"no-such-program": "its-package"})
    with pytest.raises(TwinError, match="no-such-program") as caught:
        up(SPEC, tmp_path / "t")
    assert "its-package" in caught.value.hint
