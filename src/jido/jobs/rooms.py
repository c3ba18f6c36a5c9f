"""Where the packed tasks of one worker run: each in a folder of its own, made by as few acts on the disk as will do.

It travels into the run folder beside the pilot. A task's folder ``tasks/TASK`` holds links to the run's code, and
``results`` and ``checkpoints``. A shared disk takes its time for each folder. So one in which a task left nothing
becomes the next task's by one ``rename``; and where the last task was short and left no results, the next one's
``results`` is an empty folder within, which is moved to where results belong if something is in it.
"""

import os
import shutil
from typing import Dict, Tuple, Union

# A task that takes longer, in seconds, has folders under their lasting names from its beginning, for others to see.
SHORT = 1.0
# The time of a folder's last change when nothing was changed in it; a clock alone would be too coarse to tell.
_STAMP = 3600


def stamp(place: Union[int, bytes]) -> None:
    """Makes it visible on a folder when something is made or removed in it."""
    os.utime(place, (_STAMP, _STAMP))


def untouched(place: Union[int, bytes]) -> bool:
    """Whether nothing was made or removed in a folder since `stamp`."""
    return os.stat(place).st_mtime == _STAMP


def settle(inside: bytes, own: bytes) -> None:
    """Moves what a task left within its folder to where it lies for good; the path within goes on leading there."""
    try:
        os.rename(inside, own)
    except OSError:
        # An earlier life of the task left something there.
        for name in os.listdir(inside):
            os.rename(os.path.join(inside, name), os.path.join(own, name))
        os.rmdir(inside)
    os.symlink(own, inside)


class Role:
    """What tasks leave of one kind: results, or checkpoints.

    Args:
        name: What it is called in the task's folder.
        lasting: The folder in which each task's own lies for good.
        alone: Whether nobody but this machine writes there, so that what was left is seen at once.
    """

    def __init__(self, name: bytes, lasting: bytes, alone: bool) -> None:
        self.name, self.lasting, self.alone = name, lasting, alone
        # Whether the code has something of that name, so that only the variable leads there.
        self.hidden = False
        # What stands under the name in the room: "folder", "link", or "" for nothing.
        self.kind = ""
        # Whether the next task leaves nothing, as far as the last one tells.
        self.within = False

    def furnish(self, room: bytes, task: bytes) -> bytes:
        """Makes the folder for what a task will leave; returns its path."""
        inside, own = os.path.join(room, self.name), os.path.join(self.lasting, task)
        if self.within and self.kind == "folder":
            return inside
        if self.kind:
            (os.rmdir if self.kind == "folder" else os.unlink)(inside)
            self.kind = ""
        if self.within:
            os.mkdir(inside)
            stamp(inside)
            self.kind = "folder"
            return inside
        try:
            os.mkdir(own)
        except FileExistsError:
            pass
        if not self.hidden:
            os.symlink(own, inside)
            self.kind = "link"
        return own

    def leave(self, room: bytes, task: bytes, short: bool) -> bool:
        """Brings what a task left to where it belongs; returns whether the room can be another task's."""
        inside, own = os.path.join(room, self.name), os.path.join(self.lasting, task)
        lean = short and self.alone and not self.hidden
        within, self.within = self.within, False
        if within and untouched(inside):
            self.within = lean
            return True
        try:  # an empty one would be one of a hundred thousand
            os.rmdir(inside if within else own)
        except OSError:
            if within:
                settle(inside, own)
            return not within
        if within:
            self.kind = ""
        self.within = lean
        return True


class Room:
    """The folder in which one worker's tasks run, one after the other.

    Args:
        run: The run folder.
        code: The run's code.
        roles: For each variable, the role.
        local: The worker's own folder on the node's disk; empty where there is none.
        to_local: The variables that lead there.
    """

    def __init__(
        self, run: bytes, code: bytes, roles: Dict[bytes, Role], local: bytes, to_local: Tuple[bytes, ...]
    ) -> None:
        self.tasks, self.code, self.roles = os.path.join(run, b"tasks"), code, roles
        self.local, self.to_local, self.stuck = local, to_local, 0
        self.spare = b""
        self.fd = -1

    def enter(self, task: bytes) -> Dict[bytes, bytes]:
        """Makes the room ready for a task and enters it; returns the task's variables.

        Raises:
            OSError: The disk did not take it.
        """
        room, spare, self.spare = os.path.join(self.tasks, task), self.spare, b""
        fresh = not (spare and self.moved(spare, room))
        if fresh:
            self.build(room)
        for role in self.roles.values():
            fresh = fresh or role.kind != "folder" or not role.within
        found = {variable: role.furnish(room, task) for variable, role in self.roles.items()}
        if fresh:
            stamp(self.fd)
        os.fchdir(self.fd)
        found[b"JIDO_CODE"] = found[b"PWD"] = room
        if self.local:
            local = self.swept()
            found.update((variable, local) for variable in self.to_local)
        return found

    def moved(self, spare: bytes, room: bytes) -> bool:
        """Whether the folder of the last task could be made this one's."""
        try:
            os.rename(spare, room)
        except OSError:  # an earlier life of the task was here: it goes on with what it had
            return False
        return True

    def build(self, room: bytes) -> None:
        """Makes a task's folder, or takes the one that an earlier life of it left."""
        os.makedirs(room, exist_ok=True)
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = os.open(room, os.O_RDONLY)
        present = set(os.listdir(room))
        code = os.listdir(self.code)
        for role in self.roles.values():
            mine, inside = os.path.join(self.code, role.name), os.path.join(room, role.name)
            # A link of that name is the one that leads to the results of all.
            role.hidden = role.name in code and not os.path.islink(mine)
            role.within, role.kind = role.within and role.name not in present, ""
            if role.name in present and not role.hidden:
                if not os.path.islink(inside):
                    settle(inside, os.path.join(role.lasting, os.path.basename(room)))
                role.kind = "link"
        names = {role.name for role in self.roles.values() if not role.hidden}
        for entry in code:
            if entry not in present and entry not in names:
                os.symlink(os.path.join(self.code, entry), os.path.join(room, entry))

    def swept(self) -> bytes:
        """The worker's folder on the node's disk, empty."""
        while True:
            local = self.local + (b".%d" % self.stuck if self.stuck else b"")
            try:
                if untouched(local):
                    return local
                shutil.rmtree(local, ignore_errors=True)
            except OSError:  # none yet
                pass
            try:
                os.mkdir(local, 0o700)
                stamp(local)
            except FileExistsError:  # what cannot be removed is nobody's
                self.stuck += 1

    def leave(self, task: bytes, short: bool) -> None:
        """Brings away what a task that has ended left, and keeps its folder for the next where it left nothing."""
        room = os.path.join(self.tasks, task)
        try:
            clean = untouched(self.fd)
            for role in self.roles.values():
                clean = role.leave(room, task, short) and clean
        except OSError:
            clean = False
        self.spare = room if clean else b""

    def clear(self) -> None:
        """Removes what is left for a next task, when there is none."""
        spare, self.spare = self.spare, b""
        try:
            for entry in os.listdir(spare) if spare else []:
                path = os.path.join(spare, entry)
                (os.unlink if os.path.islink(path) else os.rmdir)(path)
            if spare:
                os.rmdir(spare)
        except OSError:
            pass


def room_of(environ: Dict[bytes, bytes], worker: int, alone: bool) -> Room:
    """A worker's room.

    Args:
        environ: The pilot's variables.
        worker: Its number.
        alone: See `Role`.
    """
    roles = {
        variable: Role(name, environ[variable], alone)
        for variable, name in ((b"JIDO_RESULTS", b"results"), (b"JIDO_CHECKPOINTS", b"checkpoints"))
    }
    local = environ.get(b"JIDO_LOCAL", b"")
    to_local = (b"JIDO_LOCAL", b"TMPDIR") if environ.get(b"TMPDIR") == local + b"/.tmp" else (b"JIDO_LOCAL",)
    own = os.path.join(local, b"%d" % worker) if local else b""
    return Room(environ[b"JIDO_RUN"], environ[b"JIDO_CODE"], roles, own, to_local)
