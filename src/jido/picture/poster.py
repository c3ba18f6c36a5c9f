"""One cluster as one drawing (SVG): the same scene as the page, with places instead of a flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from jido.explain.speech import Speech
from jido.picture.canvas import Canvas, width
from jido.picture.ground import Group, Shape, Strip
from jido.picture.page import poster as framed
from jido.picture.scene import Said, Scene, Words
from jido.picture.shelves import Shelf

T = TypeVar("T")

WIDE = 1200.0
_LEFT, _RIGHT = 64.0, 1136.0
_INNER = 108.0
_TURN = 24.0
_CELL, _STEP, _PER_ROW = 15.0, 19.0, 8
_COLUMN = (_RIGHT - _LEFT) / 3
_MOST_QUEUES = 16
_MOST_QUESTIONS = 12


def poster(scene: Scene, speech: Speech) -> str:
    """One cluster as an SVG document."""
    words = Words(speech)
    art = Canvas()
    top = _head(art, scene)
    first = top + 28
    under = max(
        _station(art, _LEFT + at * _COLUMN, first, title, rows, _COLUMN - 36)
        for at, (title, rows) in enumerate(_stations(scene, words))
    )
    turn = under + 26
    heading = turn + 52
    art.text(_INNER, heading, words("compute"), size=23, css="bold")
    y = _compute(art, scene, words, heading + 12)
    shelf = y + 40
    art.text(_INNER, shelf + 46, words("storage"), size=23, css="bold")
    y = _storage(art, scene, words, shelf + 86)
    line = Canvas()
    _line(line, first, turn, shelf, heading)
    y = _questions(art, scene, words, y + 56)
    art.text(_LEFT, y + 44, words("made"), size=13, css="soft")
    desc = ". ".join([scene.purpose, scene.moment or scene.origin, *(f"{n} {what}" for n, what in scene.figures)])
    return framed(scene.name, words("title", name=scene.name), desc, line.parts + art.parts, y + 84, speech.lang)


def _head(art: Canvas, scene: Scene) -> float:
    art.text(_LEFT - 4, 122, scene.name, size=68, css="bold tight", room=_RIGHT - _LEFT)
    y = 166.0
    if scene.purpose:
        y = art.lines(_LEFT, y, scene.purpose, size=19, room=_RIGHT - _LEFT, most=2)
    y = art.lines(_LEFT, y, f"{scene.moment} {scene.origin}", size=14.5, css="soft", room=_RIGHT - _LEFT, most=2)
    x = _LEFT
    for at, (number, what) in enumerate(scene.figures):
        css = "now" if at == 4 and number != "0" else "light"
        wide = art.text(x, y + 42, number, size=34, css=css)
        wide = max(wide, art.text(x, y + 66, what, size=14.5, css="soft"))
        x += wide + 44
    return y + (104 if scene.figures else 40)


def _stations(scene: Scene, words: Words) -> list[tuple[str, list[Said]]]:
    login: list[Said] = []
    for name, rows in scene.logins:
        login += [Said(words("host"), name, code=True), *rows]
    login = login or [Said(words("host"), words("unknown"), "unknown", settle=f"jido probe {scene.name}")]
    return [
        (words("you"), list(scene.you)),
        (words("login"), login),
        (words("scheduler"), list(scene.scheduler)),
    ]


def _station(art: Canvas, x: float, y: float, title: str, rows: Sequence[Said], room: float) -> float:
    art.text(x, y + 48, title, size=23, css="bold")
    y += 82
    for row in rows:
        art.text(x, y, row.label, size=13.5, css="soft", room=room)
        css = "soft dotted" if row.state == "unknown" else "soft" if row.state == "none" else ""
        face = "mono" if row.code else "sans"
        y = art.lines(x, y + 21, row.text, size=14 if row.code else 16, css=css, room=room, most=2, face=face)
        if row.settle:
            art.text(x, y - 2, f"→ {row.settle}", size=13, css="soft", room=room, face="mono")
            y += 18
        y += 6
    return y


def _line(art: Canvas, first: float, turn: float, shelf: float, heading: float) -> None:
    """The route: along the three stations, back, down beside the nodes, and out over the volumes."""
    r = _TURN
    arc = f"a{r:g} {r:g} 0 0"
    art.path(
        f"M{_LEFT} {first}H{_RIGHT - r}{arc} 1 {r} {r}V{turn - r}{arc} 1 -{r} {r}H{_LEFT + r}"
        f"{arc} 0 -{r} {r}V{shelf - r}{arc} 0 {r} {r}H{_RIGHT}",
        "line",
    )
    for at in range(3):
        art.circle(_LEFT + 8 + at * _COLUMN, first, 8, "stop")
    art.circle(_LEFT, heading - 8, 8, "stop")
    art.circle(_INNER + 8, shelf, 8, "stop")


def _compute(art: Canvas, scene: Scene, words: Words, y: float) -> float:
    field = scene.field
    if not field.groups:
        art.text(_INNER, y + 22, words("no_nodes"), css="soft")
        return y + 32
    if field.legend:
        y += 22
        art.text(_INNER, y, words("legend") if not field.is_summed else "", size=14.5, css="soft")
        y += 28
        x = _INNER
        for state, count, word, _ in field.legend:
            art.use(f"c-{state}", x, y - 13)
            x += 24 + art.text(x + 24, y, f"{count:,} {word}", size=15.5) + 24
    if field.settle:
        y += 24
        art.text(_INNER, y, f"→ {field.settle}", size=13, css="soft", face="mono")
    if field.is_summed:
        y += 28
        art.text(_INNER, y, words("summed", nodes=field.size), size=14.5, css="soft")
    for group in field.groups:
        y = _group(art, group, y + 44, summed=field.is_summed)
    for kind in scene.free:
        if kind.why_not:
            y += 40
            art.text(_INNER, y, f"{words('why_not')}: {kind.model or 'GPU'}", size=14.5, css="bold")
            for why, count in kind.why_not:
                y += 21
                art.text(_INNER, y, f"{count:,}  {why}", size=14.5, css="soft", room=_RIGHT - _INNER)
    return _queues(art, scene, words, y + 48) if field.queues else y


def _group(art: Canvas, group: Group, y: float, *, summed: bool) -> float:
    title = "  ".join(group.partitions) or group.title
    room = _RIGHT - _INNER - 130
    used = art.text(_INNER, y, title, size=14.5, css="bold", room=room, face="mono" if group.partitions else "sans")
    art.text(_INNER + used + 20, y, group.size, size=14, css="soft")
    art.rule(_INNER, y + 12, _RIGHT - _INNER)
    y += 12
    if summed:
        for shape in group.shapes:
            y = _sum(art, shape, y + 34)
        return y
    for what, shapes in group.kinds:
        y += 32
        art.text(_INNER, y, what, size=14.5, css="soft", room=_RIGHT - _INNER)
        y = _grid(art, shapes, 5, y + 28, _node)
    return y


def _grid(
    art: Canvas, items: Sequence[T], columns: int, y: float, one: Callable[[Canvas, T, float, float, float], float]
) -> float:
    """Items in rows, each row as high as its highest; returns where they end."""
    step = (_RIGHT - _INNER) / columns
    end = y
    for at, item in enumerate(items):
        if at and at % columns == 0:
            y = end + 26
        end = max(end, one(art, item, _INNER + at % columns * step, y, step - 22))
    return end


def _node(art: Canvas, shape: Shape, x: float, y: float, room: float) -> float:
    art.open(". ".join(filter(None, (shape.name, *(strip.text for strip in shape.strips), shape.word, shape.cpus))))
    art.text(x, y, shape.name, size=13.5, room=room, face="mono")
    y += 9
    for strip in shape.strips:
        if not strip.is_countable:
            y = _bar(art, strip, x, y, min(room, _PER_ROW * _STEP - 4)) + 4
            continue
        states = [state for state, count in strip.states.items() for _ in range(count)]
        for at, state in enumerate(states):
            art.use(f"c-{state}", x + at % _PER_ROW * _STEP, y + at // _PER_ROW * _STEP)
        y += (len(states) + _PER_ROW - 1) // _PER_ROW * _STEP
    if shape.share is not None:
        _load(art, x, y + 2, min(room, _PER_ROW * _STEP - 4), shape.share)
        y += 6
    y += 3
    if shape.word:
        y += 15
        art.text(x, y, shape.word, size=13, css="bad" if shape.state == "down" else "soft", room=room)
    if shape.reason:
        y = art.lines(x, y + 15, shape.reason, size=12.5, css="soft", room=room, most=2) - 15
    art.close()
    return y


def _sum(art: Canvas, shape: Shape, y: float) -> float:
    room = _RIGHT - _INNER
    art.open(". ".join((shape.name, *(strip.text for strip in shape.strips), shape.word, shape.cpus)))
    used = art.text(_INNER, y, shape.name, size=13.5, room=room * 0.45, face="mono")
    art.text(_INNER + used + 20, y, f"{shape.many}: {shape.what}", size=14, css="soft", room=room - used - 20)
    y += 10
    for strip in shape.strips:
        _bar(art, strip, _INNER, y, room)
        art.text(_INNER, y + 34, strip.text, size=14, css="soft", room=room)
        y += 46
    if shape.share is not None:
        _load(art, _INNER, y, room, shape.share)
        y += 6
    y += 18
    text = f"{shape.cpus}; {shape.word}"
    art.text(_INNER, y, text, size=13, css="soft", room=room)
    art.close()
    return y


def _bar(art: Canvas, strip: Strip, x: float, y: float, room: float) -> float:
    end = x + room
    for state, count in strip.states.items():
        wide = max(6.0, (room - 2 * len(strip.states)) * count / strip.count)
        art.rect(x, y, min(wide, max(1.0, end - x)), _CELL, f"b-{state}")
        x += wide + 2
    return y + _CELL


def _load(art: Canvas, x: float, y: float, wide: float, share: float) -> None:
    art.rect(x, y, wide, 4, "well", 2)
    if share:
        art.rect(x, y, wide * share, 4, "load", 2)


def _queues(art: Canvas, scene: Scene, words: Words, y: float) -> float:
    field = scene.field
    at = (_INNER, _INNER + 310, _INNER + 640, _INNER + 730, _INNER + 880)
    art.text(_INNER, y, words("partitions"), css="bold")
    y += 32
    for x, key in zip(at, ("partition", "col_mine", "col_nodes", "col_longest", "col_default"), strict=True):
        art.text(x, y, words(key), size=13, css="soft")
    for row in field.queues[:_MOST_QUEUES]:
        art.rule(_INNER, y + 12, _RIGHT - _INNER)
        y += 34
        mark = f"  ({words('default')})" if row.is_default else ""
        mark += f"  ({row.state})" if row.state != "up" else ""
        art.text(at[0], y, row.name + mark, size=13.5, room=300, face="mono")
        css = {"open": "now", "unknown": "soft"}.get(row.verdict, "bad")
        used = art.text(at[1], y, row.verdict_words, size=15, css=css)
        if row.why:
            art.text(at[1] + used + 10, y, row.why, size=13, css="soft", room=310 - used)
        art.text(at[2], y, f"{row.nodes:,}", size=15)
        art.text(at[3], y, row.longest, size=15, room=140)
        art.text(at[4], y, row.without_asking, size=15, room=140)
    more = field.more_queues + max(0, len(field.queues) - _MOST_QUEUES)
    if more or field.settle_access:
        y += 30
        text = words("more_partitions", n=more, name=scene.name) if more else f"→ {field.settle_access}"
        art.text(_INNER, y, text, size=13, css="soft", face="mono")
    return y


def _storage(art: Canvas, scene: Scene, words: Words, y: float) -> float:
    if not scene.shelves:
        art.text(_INNER, y, words("no_volumes"), css="soft")
        return y

    def one(on: Canvas, shelf: Shelf, x: float, top: float, room: float) -> float:
        return _shelf(on, shelf, words, x, top, room - 14)

    y = _grid(art, scene.shelves, 3, y, one)
    if scene.hidden:
        y += 34
        art.text(_INNER, y, words("system_volumes", n=scene.hidden), size=14, css="soft")
    return y


def _shelf(art: Canvas, shelf: Shelf, words: Words, x: float, y: float, room: float) -> float:
    kind = " · ".join(filter(None, (shelf.tier, shelf.fs)))
    art.open(f"{shelf.path}. {kind}. {shelf.fill}")
    used = art.text(x, y, shelf.path, size=15, css="bold", room=room, face="mono")
    if used + width(kind, 13) + 12 <= room:
        art.text(x + used + 12, y, kind, size=13, css="soft")
    else:
        y += 20
        art.text(x, y, kind, size=13, css="soft", room=room)
    y += 14
    for bar in shelf.bars:
        _fullness(art, x, y, room, bar.share)
        art.text(x, y + 32, bar.words, size=14.5, room=room)
        y += 46
    if shelf.bars:
        y -= 22
    else:
        _fullness(art, x, y, room, shelf.share)
    text = shelf.fill if shelf.share is None else f"{shelf.fill} ({shelf.share:.0%})"
    y = art.lines(x, y + 32, text, size=14.5, css="soft" if shelf.share is None else "", room=room, most=2)
    if shelf.settle:
        art.text(x, y - 1, f"→ {shelf.settle}", size=13, css="soft", room=room, face="mono")
        y += 21
    for eye in shelf.eyes:
        art.circle(x + 5, y - 1, 4.5, f"eye-{eye.sees}")
        who = eye.who if eye.sees == "yes" else f"{eye.who}: {eye.words}"
        art.text(x + 18, y + 4, who, size=14, css="" if eye.sees == "yes" else "soft", room=room - 18)
        y += 21
        if eye.settle:
            y = art.lines(x + 18, y + 3, f"→ {eye.settle}", size=13, css="soft", room=room - 18, face="mono") - 1
    rows = [(words("quota"), shelf.quota)] if shelf.quota else []
    for label, value in (*rows, *shelf.lines):
        y = art.lines(x, y + 5, f"{label}: {value}", size=13.5, css="soft", room=room, most=3)
    art.close()
    return y


def _fullness(art: Canvas, x: float, y: float, room: float, share: float | None) -> None:
    art.rect(x, y, room, 12, "blank" if share is None else "frame", 4)
    if share:
        art.rect(x, y, room * share, 12, "full" if share >= 0.9 else "fill", 4)


def _questions(art: Canvas, scene: Scene, words: Words, y: float) -> float:
    room = (_RIGHT - _LEFT) / 2 - 40
    left = right = y
    if scene.notes:
        art.text(_LEFT, y, words("notes"), size=23, css="bold")
        left += 34
        for note in scene.notes:
            left = art.lines(_LEFT, left, f"– {note}", size=15, room=room, most=4) + 6
    x = _LEFT + (_RIGHT - _LEFT) / 2 if scene.notes else _LEFT
    room = room if scene.notes else _RIGHT - _LEFT
    art.text(x, y, words("unknown_part"), size=23, css="bold")
    right += 34
    if not scene.questions:
        art.text(x, right, words("all_known"), size=15)
    for one in scene.questions[:_MOST_QUESTIONS]:
        right = art.lines(x, right, f"{one.what}: {one.why}", size=14, room=room, most=2)
        if one.settle:
            art.text(x, right - 1, f"→ {one.settle}", size=13, css="soft", room=room, face="mono")
            right += 19
        right += 6
    more = scene.more + max(0, len(scene.questions) - _MOST_QUESTIONS)
    if more:
        art.text(x, right, words("more_unknown", n=more, name=scene.name), size=14, css="soft", room=room)
        right += 20
    return max(left, right)
