"""Rules on files and folders: where output, caches, environments and data lie."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from jido.check.case import Case
from jido.check.findings import Edit, Found, Unknown
from jido.check.rule import Rule
from jido.check.shell import Simple, Token
from jido.errors import InputError
from jido.model.batch import Output
from jido.model.nodeset import expand, fold

# Many small files: from here on one archive is the better form.
MANY = 5000
# In place of a count: nothing is there.
ABSENT = -1
_CACHES = frozenset(
    ("HF_HOME", "HF_DATASETS_CACHE", "TRANSFORMERS_CACHE", "HUGGINGFACE_HUB_CACHE", "TORCH_HOME", "XDG_CACHE_HOME",
     "PIP_CACHE_DIR", "CONDA_PKGS_DIRS", "CONDA_ENVS_PATH", "MAMBA_ROOT_PREFIX", "WANDB_DIR", "WANDB_CACHE_DIR",
     "TRITON_CACHE_DIR", "NLTK_DATA", "KERAS_HOME", "UV_CACHE_DIR", "TMPDIR", "APPTAINER_CACHEDIR",
     "SINGULARITY_CACHEDIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")
)  # fmt: skip
_TOLD = ("told", "public", "estimate")
_CONDA = re.compile(r"/(?:[\w.-]*(?:anaconda|miniconda|miniforge|mambaforge|micromamba)[\w.-]*|\.conda)(?=/|$)")
_DATA = re.compile(r"data|train|val|test|imag|corpus|input|root", re.IGNORECASE)


def folder_of(case: Case, output: Output) -> str | None:
    """The folder that must be there for an output, absolute; None where that is not known."""
    if output.folder is None or output.literal or output.fresh:
        return None
    if "{user}" in output.folder and not case.user:
        return None
    folder = output.folder.replace("{user}", case.user)
    if not folder.startswith("/"):
        if not case.folder:
            return None
        folder = posixpath.join(case.folder, folder) if folder else case.folder
    return posixpath.normpath(folder)


def data_of(case: Case) -> dict[str, tuple[int, int, int]]:
    """Folders on shared disks that its commands seem to take data from, with line, column and end."""
    found: dict[str, tuple[int, int, int]] = {}
    for path, word, one in case.paths():
        volume = case.volume(path)
        if volume is None or volume.tier.value in (None, "system", "local") or volume.path == path:
            continue
        if re.search(r"\.\w{1,5}$", path) or not (volume.tier.value == "datasets" or _names_data(word, one)):
            continue
        if one.name in ("cp", "rsync", "tar", "unzip", "mkdir", "rm", "ls", "cd"):
            continue
        found.setdefault(path, (word.line, word.column, word.end if word.last == word.line else 0))
    return found


def _names_data(word: Token, one: Simple) -> bool:
    """Whether an option or a variable says of a path that data is there."""
    name, equals, _ = word.text.partition("=")
    if equals and "/" not in name:
        return name not in _CACHES and bool(_DATA.search(name))
    before = one.words[one.words.index(word) - 1].text if one.words.index(word) else ""
    return before.startswith("-") and bool(_DATA.search(before))


def _missing(case: Case) -> Iterator[Found | Unknown]:
    for output in case.script.outputs if case.script else ():
        span = output.option.span
        if output.fresh:
            what = (
                f"the folder of {output.path} is named after the job, so that it cannot be there when the job begins"
            )
            yield Found(what, span.line, span.column, span.end, "put the job's number into the file's name only")
            continue
        folder = folder_of(case, output)
        if folder is None:
            if output.folder and not output.literal and (late := _made_late(case, output.folder)) is not None:
                what = f"the script makes {output.folder} itself, which is too late: the file is opened before"
                made = f"before you submit, where you submit: mkdir -p {_quoted(output.folder)}"
                yield Found(what, late.line, late.column, 0, made, "warning")
            elif output.folder and not output.literal:
                what = f"whether the folder {output.folder} is there: it counts from where the script is submitted"
                yield Unknown(what, "jido check --dir FOLDER, the folder on the cluster that you submit from")
            continue
        said = case.looked.folders.get(folder)
        if said == "no":
            what = f"the folder {folder} is not there"
            yield Found(what, span.line, span.column, span.end, f"before you submit: mkdir -p {_quoted(folder)}")
        elif said == "closed":
            what = f"you may not write to {folder}"
            yield Found(what, span.line, span.column, span.end, "choose a folder of yours")
        elif said is None:
            yield Unknown(f"whether the folder {folder} is there: {case.looked.why_not}", f"ls -d {_quoted(folder)}")


def _made_late(case: Case, folder: str) -> Token | None:
    """Where the script makes a folder itself."""
    for one in case.shell():
        if one.name == "mkdir" and any(posixpath.normpath(word.text) == folder for word in one.call[1:]):
            return one.call[0]
    return None


def _literal(case: Case) -> Iterator[Found]:
    for output in case.script.outputs if case.script else ():
        if not output.literal:
            continue
        path = output.instead
        if path is not None and "{home}" in path:
            path = path.replace("{home}", case.home) if case.home else None
        span = output.option.span
        what = f"`{output.literal}` in {case.shown(output.option.name)} is taken as it stands"
        edits = case.replace(output.option, output.option.name, path) if path else ()
        yield Found(what, span.line, span.column, span.end, f"write {path}" if path else "", edits=edits)


def _output_home(case: Case) -> Iterator[Found]:
    for output in case.script.outputs if case.script else ():
        folder = folder_of(case, output)
        if output.literal and output.instead and "{home}" in output.instead and case.home:
            folder = output.instead.replace("{home}", case.home).rpartition("/")[0]
        if folder and case.in_home(folder):
            span = output.option.span
            what = f"{case.shown(output.option.name)} goes to {folder}, on the volume of homes"
            yield Found(what, span.line, span.column, span.end, _elsewhere(case, "logs"))


def _elsewhere(case: Case, what: str) -> str:
    roomy = case.roomy()
    return f"use a folder below {roomy} for {what}" if roomy else ""


def _caches(case: Case) -> Iterator[Found]:
    known = case.variables()
    for one in case.shell():
        for name, value, word in one.assignments:
            path = value.replace("$HOME", known.get("HOME", "$HOME")).replace("${HOME}", known.get("HOME", "${HOME}"))
            path = re.sub(r"^~(?=/|$)", known.get("HOME", "~"), path)
            if name in _CACHES and path.startswith("/") and case.in_home(path):
                what = f"{name} is a folder in home: {path}"
                edits = _moved(case, name, word.line, word.column, word.last, word.end)
                yield Found(what, word.line, word.column, _end(word.last, word.line, word.end), edits=edits)
        words = [word.text for word in one.program]
        line = f"{' '.join(words)} "
        if (
            re.match(r"(python[\d.]* -m )?pip[\d.]* install .*--user ", line)
            and case.home
            and case.in_home(case.home)
        ):
            first = one.first
            yield Found(
                "pip install --user fills your home", first.line, first.column, 0, "use a virtual environment"
            )


def _moved(case: Case, name: str, line: int, column: int, last: int, end: int) -> tuple[Edit, ...]:
    roomy = case.roomy()
    if not roomy or case.script is None or name in ("TMPDIR",):
        return ()
    return (Edit(line, column, last, end, f"{name}={_quoted(roomy)}/cache/{name.lower()}"),)


def _conda_home(case: Case) -> Iterator[Found]:
    seen = set()
    for path, word, _ in case.paths():
        match = _CONDA.search(path)
        if match and case.in_home(path):
            root = path[: match.end()]
            if root in seen:
                continue
            seen.add(root)
            fix = _elsewhere(case, "environments")
            yield Found(
                f"conda lies in home: {root}", word.line, word.column, _end(word.last, word.line, word.end), fix
            )


def _local(case: Case) -> Iterator[Found | Unknown]:
    if case.map is None:
        return
    nodes, seen = case.nodes(), set()
    for path, word, one in case.paths():
        volume = case.volume(path)
        root = _missing_root(case, path)
        if root and (volume is None or volume.path == "/" or len(volume.path) < len(root)):
            if root not in seen:
                seen.add(root)
                what = f"{root} is not on the login node; which compute nodes have it is not known"
                yield Unknown(what, f"jido probe {case.cluster} --compute")
            continue
        if volume is None or volume.on_login or volume.path in seen or volume.on_nodes in ("", "compute"):
            continue
        try:
            there = frozenset(expand(volume.on_nodes))
        except InputError:
            continue
        # Whoever asks first is prepared.
        if not nodes or nodes <= there or one.name in ("[", "test", "[[", "mkdir", "ls"):
            continue
        seen.add(volume.path)
        lacking = nodes - there
        if volume.by not in _TOLD:
            # Seen from inside: whoever was not looked into may have it as well.
            looked = {one.node for one in case.map.instance.seen if one.was_seen}
            if not lacking & looked:
                what = f"whether {fold(lacking)} have {volume.path} too: nobody has looked"
                yield Unknown(what, f"jido probe {case.cluster} --compute")
                continue
            lacking &= looked
        has = fold(there & nodes) or volume.on_nodes
        what = f"{volume.path} is on {has} and not on {fold(lacking)}, where this job may start"
        fix = f"keep it to nodes that have it: --exclude={fold(lacking)}" if nodes & there else "choose another disk"
        yield Found(what, word.line, word.column, _end(word.last, word.line, word.end), fix)


def _missing_root(case: Case, path: str) -> str:
    """The usual place that was looked for on the login node and is not there, and that the path lies under."""
    missing = case.map.storage.missing if case.map else ()
    return max((one for one in missing if path == one or path.startswith(one + "/")), key=len, default="")


def _many(case: Case) -> Iterator[Found | Unknown]:
    for path, (line, column, end) in data_of(case).items():
        count = case.looked.counts.get(path)
        if count == ABSENT:
            continue
        if count is not None and count >= MANY:
            what = f"{path} holds {count} files or more, on a disk that all nodes share"
            yield Found(what, line, column, end)
        elif count is None and case.looked.why_not:
            yield Unknown(f"whether {path} holds many small files: {case.looked.why_not}", "ask without --offline")


def _absent(case: Case) -> Iterator[Found]:
    for path, (line, column, end) in data_of(case).items():
        if case.looked.counts.get(path) == ABSENT:
            yield Found(f"{path} is not there", line, column, end)


def _array(case: Case) -> Iterator[Found]:
    for output in case.script.outputs if case.script else ():
        if output.shared_by_tasks and output.path != "/dev/null":
            span = output.option.span
            what = f"all tasks of the array write to {output.path}"
            head, dot, tail = output.path.rpartition(".")
            number = case.script.words.get("%A_%a", "%A_%a") if case.script else "%A_%a"
            path = f"{head}-{number}.{tail}" if dot and "/" not in tail else f"{output.path}-{number}"
            edits = case.replace(output.option, output.option.name, path) if not output.literal else ()
            yield Found(what, span.line, span.column, span.end, f"write {path}", edits=edits)


def _quoted(path: str) -> str:
    return path if re.fullmatch(r"[\w@%+=:,./$-]+", path, re.ASCII) else "'" + path.replace("'", "'\\''") + "'"


def _end(last: int, line: int, end: int) -> int:
    return end if last == line else 0


RULES = (
    Rule(
        "output-folder-missing",
        "error",
        "The folder of --output or --error is not there, or not yours to write.",
        "Nobody makes it: the job fails in its first second, without a word anywhere (Slurm: exit code 0:53).",
        "make the folder before you submit",
        _missing,
    ),
    Rule(
        "output-not-expanded",
        "error",
        "`~`, `$HOME`, `$USER` or another variable in --output or --error.",
        "sbatch fills in %j and its like there, but no variables: it looks for a folder of that very name.",
        "write the path in full, with %u for your name and %j for the job's number",
        _literal,
        rewrites=True,
    ),
    Rule(
        "output-in-home",
        "warning",
        "Output goes to home.",
        "Homes are small and slow in jobs; when one is full, even logging in can fail.",
        "write to the disk that is made for work",
        _output_home,
    ),
    Rule(
        "output-shared-by-tasks",
        "warning",
        "A job array whose tasks all write to one file.",
        "They overwrite each other: what is left is of one task, or a mixture.",
        "put %A_%a into the name",
        _array,
        rewrites=True,
    ),
    Rule(
        "cache-in-home",
        "warning",
        "Caches or packages are put into home.",
        "Models and packages are large: they fill a small home, and are read slowly from it.",
        "point them to the disk that is made for work",
        _caches,
        rewrites=True,
    ),
    Rule(
        "conda-in-home",
        "warning",
        "A conda installation or environment in home is used.",
        "It is tens of thousands of files on the smallest disk; every start of Python reads through them.",
        "make the environment anew on the disk that is made for work",
        _conda_home,
    ),
    Rule(
        "node-local-path",
        "warning",
        "A path that exists on some of the nodes only that the job may start on.",
        "On the others the job fails, or writes into the system disk.",
        "choose the nodes, or look in the job whether the path is there",
        _local,
    ),
    Rule(
        "data-missing",
        "warning",
        "Data is taken from a path on a shared disk that is not there.",
        "The job waits in the queue, begins, and fails with its first file.",
        "look for it with ls on the login node; bring it there with `jido push --data`",
        _absent,
    ),
    Rule(
        "many-small-files",
        "warning",
        f"A dataset of {MANY} files or more on a shared disk.",
        "Each file costs a round trip to the file server: epochs take many times as long, for everybody there.",
        "keep it as one archive and unpack that onto the node's own disk when the job begins",
        _many,
    ),
)
