"""Rules on the commands of a job: what runs otherwise in a job than where it was tried out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jido.check.case import Case
from jido.check.findings import Edit, Found
from jido.check.rule import Rule
from jido.check.shell import Simple, Token, commands

_HEAVY = re.compile(
    r"python[\d.]*|torchrun|accelerate|deepspeed|mpirun|mpiexec|jupyter|Rscript|julia|matlab|tar|unzip|make|gcc|nvcc"
)
_SUBMITS = ("sbatch", "qsub", "salloc")
# What a script ends with and what takes no time; the ends of compound commands count as words here.
_SHORT = frozenset(
    ("echo", "printf", "date", "exit", "true", ":", "disown", "jobs", "done", "fi", "esac", "}", "export", "hostname")
)
_GPU_TOOLS = ("nvidia-smi", "torchrun", "accelerate", "deepspeed", "vllm")
# Ends on its own, so that the job's end does not matter to it.
_HOOKS = re.compile(
    r"conda shell\.|conda\.sh|\.bashrc|bin/activate|mamba shell|micromamba shell|/etc/profile|init\.sh"
)


def _where(word: Token) -> tuple[int, int, int]:
    return word.line, word.column, word.end if word.last == word.line else 0


def _devices(case: Case) -> Iterator[Found]:
    gpus = case.want.gpus or (case.script.gpus_in_all if case.script else 0)
    if not gpus:
        return
    edits: tuple[Edit, ...]
    for one in case.shell():
        if one.name == "unset" and "CUDA_VISIBLE_DEVICES" in (word.text for word in one.words):
            edits = (_off(case, one),) if case.script is not None and len(one.words) == 2 else ()
            what = "CUDA_VISIBLE_DEVICES is unset: the job may see GPUs of others"
            yield Found(what, *_where(one.first), edits=edits)
        for name, value, word in one.assignments:
            if name != "CUDA_VISIBLE_DEVICES" or "$" in value:
                continue
            edits = ()
            rest = [other for other in one.words if other is not word and other.text != "export"]
            if case.script is not None and one.call and one.call[0].text != "export" and rest:
                # In front of a command: away with it, and the blank behind it.
                following = one.words[one.words.index(word) + 1]
                if following.line == word.line:
                    edits = (Edit(word.line, word.column, word.line, following.column, ""),)
            elif case.script is not None and not rest and not one.depth:
                edits = (_off(case, one),)
            yield Found(f"CUDA_VISIBLE_DEVICES is overwritten with {value or 'nothing'}", *_where(word), edits=edits)


def _off(case: Case, one: Simple) -> Edit:
    """Its line away; where it shares it, a command that does nothing, so that what stands around it still holds."""
    first, last = one.words[0], one.words[-1]
    rows = case.text.split("\n")
    if not rows[first.line - 1][: first.column - 1].strip() and not rows[last.last - 1][last.end - 1 :].strip():
        return Edit(first.line, 1, last.last + 1, 1, "")
    return Edit(first.line, first.column, last.last, last.end, ":")


def _login(case: Case) -> Iterator[Found]:
    script = case.script
    if script is None:
        return
    asks = bool(script.options) or any(
        flaw.kind in ("disguised", "unread", "unknown option") for flaw in script.flaws
    )
    if asks:
        return
    rows = case.shell()
    submits = next((one for one in rows if one.name in _SUBMITS), None)
    for one in rows:
        program = one.program[0].text.rpartition("/")[2] if one.program else ""
        if not _HEAVY.fullmatch(program) or one.name == "srun" or _light(one):
            continue
        if submits is not None:
            what = f"`{program}` runs where this script is started, beside `{submits.name}`: on the login node"
        else:
            what = f"no {script.prefix} line asks for anything: started with sh it runs `{program}` right there"
        fix = "" if submits is None else "move it into the script that is submitted"
        yield Found(what, *_where(one.program[0]), fix=fix)
        return


def _light(one: Simple) -> bool:
    words = [word.text for word in one.program[1:3]]
    return words[:1] in (["-V"], ["--version"], ["-c"], ["--help"])


def _nested(case: Case) -> Iterator[Found]:
    if case.script is None:
        return
    for one in case.shell():
        words = [word.text for word in one.call]
        if one.name == "salloc" or (one.name == "srun" and "--pty" in words):
            shown = "srun --pty" if one.name == "srun" else one.name
            what = f"`{shown}` waits for somebody at a keyboard, in a job without one"
            yield Found(what, *_where(one.call[0]), fix="write the commands themselves into the script")
        elif one.name == "srun" and any(_asks_anew(word) for word in words):
            what = (
                "srun within a job starts a step in what the job has; a partition or an account is not chosen again"
            )
            yield Found(what, *_where(one.call[0]), fix="ask for it at the top of the script", severity="note")
        elif one.name == "srun" and (inner := _carried_name(one)) in ("srun", "sbatch"):
            what = f"srun starts `{inner}` once for every task of the job"
            yield Found(what, *_where(one.call[0]), fix=f"call {inner} by itself")
        elif one.name == "srun" and (gpus := _step_gpus(words)) is not None and case.want.gpus < gpus:
            has = case.script.gpus_in_all if case.script.gpus_in_all is not None else case.want.gpus
            if has < gpus:
                what = f"srun asks for {gpus} GPUs, the job has {has}: the step never starts"
                yield Found(what, *_where(one.call[0]), fix="ask for the GPUs at the top of the script")


def _carried_name(one: Simple) -> str:
    return one.carried[0].text.rpartition("/")[2] if one.carried else ""


def _asks_anew(word: str) -> bool:
    return bool(re.match(r"(--partition|--account|--qos)\b|-[pA]\w*$", word))


def _step_gpus(words: list[str]) -> int | None:
    for word in words:
        if match := re.match(r"--(?:gres=gpu|gpus|gpus-per-node)[=:](?:[A-Za-z]\w*:)?(\d{1,4})$", word):
            return int(match[1])
    return None


def _one_task(case: Case) -> Iterator[Found]:
    """Several tasks asked for, and nothing that starts more than one."""
    if case.script is None or not case.script.per_task:
        return
    rows = case.shell()
    starters = ("srun", "mpirun", "mpiexec", "parallel", "prun", "xargs", "prterun")
    if any(one.name in starters for one in rows) or any(one.background for one in rows):
        return
    text = "\n".join(case.text.split("\n")[case.script.body - 1 :])
    if "SLURM_" in text or not rows or re.search(r"\b(srun|mpirun|mpiexec)\b", text):
        return
    span = case.line_of("tasks")
    what = "several tasks are asked for, and nothing starts more than one"
    fix = "for threads or data loaders ask for --cpus-per-task; for tasks put srun before the command"
    yield Found(what, span.line, span.column, span.end, fix)


def _conda(case: Case) -> Iterator[Found]:
    ready = False
    for one in case.shell():
        text = " ".join(word.text for word in one.words)
        if _HOOKS.search(text) or (one.name == "module" and re.search(r"conda|mamba|python", text, re.IGNORECASE)):
            ready = True
        words = [word.text for word in one.call[:2]]
        if (
            ready
            or one.name not in ("conda", "mamba", "micromamba")
            or words[1:] not in (["activate"], ["deactivate"])
        ):
            continue
        tool = one.name
        hook = f'eval "$({"conda shell.bash hook" if tool == "conda" else tool + " shell hook --shell bash"})"'
        word = one.call[0]
        edits: tuple[Edit, ...] = ()
        if case.script is not None:
            first = one.words[0]
            row = case.text.split("\n")[first.line - 1]
            # Only a line that begins with it: elsewhere a line more could cut a compound command.
            if not row[: first.column - 1].strip():
                edits = (Edit(first.line, 1, first.line, 1, f"{row[: first.column - 1]}{hook}\n"),)
        yield Found(f"`{tool} activate` without its shell hook", *_where(word), f"put before it: {hook}", edits=edits)
        return


def _background(case: Case) -> Iterator[Found]:
    rows = case.shell()
    started: Simple | None = None
    for one in rows:
        if one.name == "wait":
            started = None
        elif one.background and one.call:
            started = one
        elif one.call and one.name not in _SHORT:
            # Something that may last comes behind it: the other was meant to run beside.
            started = None
    if started is None:
        return
    word = started.call[0]
    edits: tuple[Edit, ...] = ()
    if case.script is not None:
        lines = case.text.split("\n")
        at = len(lines)
        while at > 1 and not lines[at - 1].strip():
            at -= 1
        # Behind an open quote or here-document it would be no command.
        if commands("\n".join((*lines[:at], "wait")))[-1].name == "wait":
            edits = (Edit(at, len(lines[at - 1]) + 1, at, len(lines[at - 1]) + 1, "\nwait"),)
    shown = " ".join(one.text for one in started.call[:2])
    yield Found(f"`{shown} &` is left behind when the script ends", *_where(word), edits=edits)


def _no_gpu(case: Case) -> Iterator[Found]:
    gpus = case.want.gpus or (case.script.gpus_in_all if case.script else 0)
    if gpus or (case.script is not None and (case.script.several or case.script.says("gpus"))):
        return
    if case.script is not None and not case.script.options:
        return
    for one in case.shell():
        program = one.program[0].text.rpartition("/")[2] if one.program else ""
        if program in _GPU_TOOLS:
            fix = f"ask for one: {case.write('gres', 'gpu:1')}" if case.script else "gpus = 1"
            yield Found(f"`{program}` wants a GPU, and the job asks for none", *_where(one.program[0]), fix=fix)
            return


RULES = (
    Rule(
        "gpu-devices-overwritten",
        "warning",
        "GPUs are asked for, and the script sets CUDA_VISIBLE_DEVICES itself.",
        "The scheduler sets it to the GPUs that are the job's; another number may be somebody else's GPU, or none.",
        "leave it away: inside a job its GPUs are counted from 0",
        _devices,
        rewrites=True,
    ),
    Rule(
        "gpu-not-asked",
        "warning",
        "A program that needs a GPU, in a job that asks for none.",
        "It fails, or computes on the CPU for days.",
        "ask for a GPU",
        _no_gpu,
    ),
    Rule(
        "heavy-on-login",
        "warning",
        "Heavy work in a script that asks the scheduler for nothing, or beside a command that submits.",
        "Started with sh it runs on the login node, which all users share: accounts are closed for that.",
        "say at the top what it needs and hand it over with sbatch, or use `jido run`",
        _login,
    ),
    Rule(
        "step-nested",
        "warning",
        "srun or salloc in a job in a way that cannot work: interactive, within another srun, for more than the job "
        "has.",
        "The step waits for ever, or every task does what one should do.",
        "use srun in a job only to start the job's own tasks",
        _nested,
    ),
    Rule(
        "tasks-not-started",
        "warning",
        "Several tasks are asked for, and the script starts one process.",
        "The CPUs of the other tasks are reserved and idle.",
        "use srun, or ask for CPUs instead of tasks",
        _one_task,
    ),
    Rule(
        "conda-without-hook",
        "warning",
        "`conda activate` in a script that has not set conda up.",
        "A job's shell is not interactive and reads no .bashrc: 'Your shell has not been properly configured'.",
        "set it up in the script",
        _conda,
        rewrites=True,
    ),
    Rule(
        "background-at-end",
        "error",
        "A command is put into the background and nothing waits for it.",
        "The job ends with the script, and the scheduler ends whatever still runs; nohup does not help.",
        "leave `&` and nohup away, or end the script with `wait`",
        _background,
        rewrites=True,
    ),
)
