"""What a learner asks for: the mission she is at, whether it is done, a hint, the next one."""

from __future__ import annotations

import os
import shlex
import shutil

import msgspec

from jido.config import maps
from jido.errors import Refused
from jido.tour import ground, shell
from jido.tour import progress as kept
from jido.tour.case import Case
from jido.tour.missions import MISSIONS, Mission
from jido.tour.progress import Progress
from jido.tour.speech import say, says
from jido.words import tr

WITH_LIMITS, WITHOUT = "--gpus 1", "--gpus 8 --extra=--nodelist=aurora-g1"


class Part(msgspec.Struct, frozen=True):
    """What to type at one place: where, why, and the lines."""

    where: str
    why: str
    lines: tuple[str, ...]


class Shown(msgspec.Struct, frozen=True):
    """A mission as it is shown.

    Attributes:
        heading: Its number and title.
        story: Three or four sentences.
        parts: What to type, in order.
        then: What to do at the end, and where help is.
        check: The command that looks whether it is done.
        notes: What is worth knowing besides: that it is done already, that the twin is down.
    """

    heading: str
    story: str
    parts: tuple[Part, ...]
    then: str
    check: str
    notes: tuple[str, ...] = ()


class Told(msgspec.Struct, frozen=True):
    """An answer to the learner.

    Attributes:
        passed: Whether the mission is done.
        text: What to tell her.
        next: What to type then, in a sentence.
    """

    passed: bool
    text: str
    next: str


def values(progress: Progress, *, in_shell: bool | None = None) -> dict[str, str | int]:
    """What every text of the tour may be filled with.

    Args:
        progress: The tour.
        in_shell: Whether the tour's own shell reads along, where short names work; None looks.
    """
    short = shell.inside() if in_shell is None else in_shell
    # What her shell starts with may have put another ssh before the tour's.
    ours = in_shell or shutil.which("ssh") == str(shell.bin_folder() / "ssh")
    config = shlex.quote(str(ground.ssh_config(progress)))
    verb = "" if short else "jido tour "
    return {
        "cluster": progress.cluster,
        "folder": progress.folder,
        "ssh": f"ssh {progress.cluster}" if ours else f"ssh -F {config} {progress.cluster}",
        "hold": WITH_LIMITS if ground.has_limits(progress) else WITHOUT,
        **{name: f"{verb}{name}" for name in shell.SHORT},
    }


def show(progress: Progress, *, in_shell: bool | None = None) -> Shown:
    """The mission she is at."""
    mission, filled = MISSIONS[progress.mission], values(progress, in_shell=in_shell)
    lang, own = progress.lang, f"missions.{mission.name}"
    why = says(lang, f"{own}.steps", filled)
    parts = tuple(
        Part(
            say(lang, f"talk.{step.place}", filled),
            why[number],
            tuple(line.format(**filled) for line in step.lines),
        )
        for number, step in enumerate(mission.steps)
    )
    number: dict[str, str | int] = {
        "number": progress.mission + 1,
        "of": len(MISSIONS),
        "title": say(lang, f"{own}.title", filled),
    }
    notes = []
    if mission.name in progress.passed:
        notes.append(say(lang, "talk.passed_before", filled))
    if not ground.is_up(progress):
        notes.append(say(lang, "talk.down", filled))
    return Shown(
        say(lang, "talk.heading", number),
        say(lang, f"{own}.story", filled),
        parts,
        say(lang, f"{own}.ask", filled) if mission.answer else say(lang, "talk.then", filled),
        f"{filled['check']} {mission.answer}".strip(),
        tuple(notes),
    )


def check(progress: Progress, answer: str = "") -> Told:
    """Look whether the mission is done, and keep it where it is.

    Args:
        progress: The tour.
        answer: To the mission's question, where it has one.

    Raises:
        Refused: The twin is down.
        TransportError: The twin was not reached.
    """
    if not ground.is_up(progress):
        raise Refused(
            tr("the tour's twin is not up"), hint=tr("`jido tour` brings it up again; nothing you did is lost")
        )
    mission = MISSIONS[progress.mission]
    if mission.mapped and maps.latest(progress.cluster) is None:
        text = say(progress.lang, "talk.no_map", values(progress))
        return Told(False, text, _then(progress, f"jido probe {progress.cluster}"))
    found = mission.check(Case(progress, answer))
    filled = {**values(progress), **found.values}
    if not found.passed:
        text = say(progress.lang, f"missions.{mission.name}.says.{found.key}", filled)
        return Told(False, text, _then(progress, filled["hint"]))
    if mission.name not in progress.passed:
        kept.write(msgspec.structs.replace(progress, passed=(*progress.passed, mission.name)))
    return Told(True, say(progress.lang, f"missions.{mission.name}.done", filled), _then(progress, filled["next"]))


def hint(progress: Progress) -> Told:
    """A hint; each says more than the one before, and the last says all."""
    mission, filled = MISSIONS[progress.mission], values(progress)
    hints = says(progress.lang, f"missions.{mission.name}.hints", filled)
    number = min(progress.hints, len(hints) - 1)
    kept.write(msgspec.structs.replace(progress, hints=number + 1))
    more = _then(progress, filled["hint"] if number + 1 < len(hints) else filled["check"])
    count: dict[str, str | int] = {"number": number + 1, "of": len(hints), "text": hints[number]}
    return Told(False, say(progress.lang, "talk.hint", count), more)


def go_on(progress: Progress, *, skip: bool = False) -> Progress | None:
    """To the next mission; behind the last one the tour ends and takes its twin down.

    Returns:
        The progress then; None where the tour is over.

    Raises:
        Refused: The mission's check has not passed.
    """
    mission = MISSIONS[progress.mission]
    if mission.name not in progress.passed and not skip:
        raise Refused(
            say(progress.lang, "talk.not_yet", {"title": _title(progress, mission)}),
            hint=say(progress.lang, "talk.not_yet_hint", values(progress)),
        )
    if progress.mission + 1 < len(MISSIONS):
        return kept.write(msgspec.structs.replace(progress, mission=progress.mission + 1, hints=0))
    ground.end(progress)
    return None


def go_to(progress: Progress, number: int) -> Progress:
    """To a mission, as if none behind it had been done."""
    passed = tuple(mission.name for mission in MISSIONS[:number] if mission.name in progress.passed)
    return kept.write(msgspec.structs.replace(progress, mission=number, passed=passed, hints=0))


def over(progress: Progress) -> str:
    """The last words."""
    left = [mission for mission in MISSIONS if mission.name not in progress.passed]
    filled = {"folder": progress.folder, "left": ", ".join(_title(progress, mission) for mission in left)}
    return say(progress.lang, "talk.over_with_gaps" if left else "talk.over", filled)


def in_language(progress: Progress, lang: str) -> Progress:
    """The tour in another language from now on."""
    return progress if lang == progress.lang else kept.write(msgspec.structs.replace(progress, lang=lang))


def language(said: str, progress: Progress | None) -> str:
    """The language to speak: what is asked for now, else the tour's, else what the environment says.

    Raises:
        InputError: There is no such language.
    """
    from jido.explain.speech import language as choose

    return progress.lang if progress is not None and not said else choose(said, os.environ)


def _then(progress: Progress, command: str | int) -> str:
    return say(progress.lang, "talk.go_on", {"command": command})


def _title(progress: Progress, mission: Mission) -> str:
    return say(progress.lang, f"missions.{mission.name}.title", {})
