"""What is asked for and answered: the page, its parts, and what it wants done."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from jido import __version__
from jido.api import jobs, why
from jido.config import clusters
from jido.dash import seen, stream
from jido.dash.deeds import Deeds, Form
from jido.dash.gate import Key
from jido.dash.room import Room, of_project, words
from jido.errors import InputError, JidoError, Refused
from jido.picture.drawing import draw_viewpoints
from jido.picture.page import styles
from jido.words import tr

if TYPE_CHECKING:
    import jinja2

_RUN = re.compile(r"\d{1,9}(\.\d{1,9})?")
# What the page calls a deed.
_DEED = re.compile(r"[0-9a-f-]{8,64}")
_STATUS = {2: 400, 3: 400, 4: 404, 5: 409}

Answers = Callable[[Request], Awaitable[Response]]


def routes(room: Room, key: Key) -> list[BaseRoute]:
    """Every address of the server."""
    pages = Pages(room, key)
    return [
        Route("/", pages.whole),
        Route("/events", pages.events),
        Route("/style/picture.css", pages.style),
        Route("/clusters/{name}/map", pages.map),
        Route("/clusters/{name}/{verb}", pages.on_cluster, methods=["POST"]),
        Route("/projects", pages.projects),
        Route("/runs/{number:int}/why", pages.why),
        Route("/runs/{number:int}/story", pages.story),
        Route("/runs/{number:int}/log", pages.log),
        Route("/runs/{number:int}/{verb}", pages.on_run, methods=["POST"]),
        Route("/runs/{verb}", pages.on_form, methods=["POST"]),
        Mount("/static", StaticFiles(packages=[("jido.dash", "static")])),
    ]


@cache
def templates() -> jinja2.Environment:
    """The templates of the page's own."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("jido.dash", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )


def refused(lang: str) -> str:
    """The page for who has no token."""
    return templates().get_template("refused.html.jinja").render(lang=lang, t=words(lang))


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _answered(work: Callable[[], Any]) -> Any:
    try:
        return _json(work())
    except JidoError as error:
        return _json({"problem": seen.problem(error)}, _STATUS.get(error.exit_code, 502))


async def _apart(work: Callable[[], Any]) -> Response:
    """Do it in a thread: it may wait for a cluster."""
    answer: Response = await run_in_threadpool(_answered, work)
    return answer


class Pages:
    """The answers.

    Args:
        room: What is shared.
        key: The secrets.
    """

    def __init__(self, room: Room, key: Key) -> None:
        self._room, self._key = room, key

    async def whole(self, request: Request) -> Response:
        """The page; who comes with the token is given the cookie and sent on, so that no history keeps it."""
        room = self._room
        if "token" in request.query_params:
            if not self._key.opens(request.query_params["token"]):
                return HTMLResponse(refused(room.lang), 403)
            # Not a redirect: after one from another site (a terminal in a browser) no strict cookie would be sent.
            page = templates().get_template("enter.html.jinja").render(lang=room.lang, t=words(room.lang))
            answer = HTMLResponse(page)
            answer.set_cookie(self._key.cookie, self._key.token, httponly=True, samesite="strict", path="/")
            return answer
        await run_in_threadpool(room.lay_out)
        text = msgspec.json.encode(words(room.lang)).decode().replace("<", "\\u003c")
        page = (
            templates()
            .get_template("page.html.jinja")
            .render(lang=room.lang, t=words(room.lang), hand=self._key.hand, words=text, version=__version__)
        )
        return HTMLResponse(page)

    async def style(self, request: Request) -> Response:
        """The style sheet of the picture, which this page shares."""
        return Response(styles(), media_type="text/css")

    async def events(self, request: Request) -> Response:
        """What changes, as it does."""
        whole, run = request.query_params.get("cluster", ""), request.query_params.get("run", "")
        if run and not _RUN.fullmatch(run):
            return _json({"problem": {"what": "no run is called that"}}, 400)
        try:
            if run:
                await run_in_threadpool(self._room.run, int(run.partition(".")[0]))
            names = await run_in_threadpool(self._room.names)
        except JidoError as error:
            return _json({"problem": seen.problem(error)}, _STATUS.get(error.exit_code, 502))
        return stream.told(self._room, request, whole if whole in names else "", run)

    async def map(self, request: Request) -> Response:
        """The four viewpoints of a cluster, drawn."""
        name = request.path_params["name"]

        def drawn() -> dict[str, str]:
            self._known(name)
            # Every quote of a name is escaped in it, so that this is an attribute. The page's policy takes no styles
            # from text; its script sets them.
            html = draw_viewpoints(name, lang=self._room.lang)
            return {"html": html.replace(' style="', ' data-style="')}

        return await _apart(drawn)

    def _known(self, name: str) -> None:
        if name not in self._room.names():
            clusters.get(name)

    async def projects(self, request: Request) -> Response:
        """What can be submitted."""

        def found() -> dict[str, Any]:
            rows = []
            for one in self._room.deeds.projects():
                rows.append({"problem": seen.problem(one)} if isinstance(one, JidoError) else of_project(one))
            return {"projects": rows, "clusters": self._room.names()}

        return await _apart(found)

    async def why(self, request: Request) -> Response:
        """Why a run waits, runs or ended."""
        number = request.path_params["number"]

        def answer() -> dict[str, Any]:
            if seen.under_way(self._room.run(number)):
                raise Refused(tr("it is being handed over"), hint=tr("ask again in a moment"))
            said = why.why(str(number), lang=self._room.lang)
            return {"page": msgspec.to_builtins(said.page), "problem": said.problem}

        return await _apart(answer)

    async def story(self, request: Request) -> Response:
        """All that happened to a run."""
        number = request.path_params["number"]
        return await _apart(lambda: {"events": msgspec.to_builtins(jobs.ledger().story(number))})

    async def log(self, request: Request) -> Response:
        """The whole log of a run, to be kept."""
        number = request.path_params["number"]

        def read() -> Response:
            try:
                text = jobs.log(self._room.run(number))
            except JidoError as error:
                return _json({"problem": seen.problem(error)}, _STATUS.get(error.exit_code, 502))
            name = f"run-{number}.log"
            return Response(
                text,
                media_type="text/plain; charset=utf-8",
                headers={"content-disposition": f'attachment; filename="{name}"'},
            )

        answer: Response = await run_in_threadpool(read)
        return answer

    async def on_run(self, request: Request) -> Response:
        """Cancel or pull a run."""
        deeds, number, verb = self._room.deeds, request.path_params["number"], request.path_params["verb"]
        verbs: dict[str, Callable[..., Any]] = {"cancel": deeds.cancel, "pull": deeds.pull}
        if verb not in verbs:
            return _json({"problem": {"what": f"nothing is called {verb}"}}, 404)

        def begin(name: str) -> None:
            run = self._room.run(number)
            deeds.begin(name, verb, f"{run.number} {run.title}", partial(verbs[verb], number))

        return await self._begun(request, begin)

    async def on_cluster(self, request: Request) -> Response:
        """Look at a cluster now, or map it anew."""
        name, verb = request.path_params["name"], request.path_params["verb"]
        if verb == "look":
            self._room.soon(name)
            return _json({})
        if verb != "probe":
            return _json({"problem": {"what": f"nothing is called {verb}"}}, 404)

        def begin(deed: str) -> None:
            self._known(name)
            self._room.deeds.begin(deed, "probe", name, partial(self._room.deeds.probe, name))

        return await self._begun(request, begin)

    async def on_form(self, request: Request) -> Response:
        """Submit what the form says, or show what that would do."""
        deeds: Deeds = self._room.deeds
        verbs = {"submit": deeds.submit, "preview": deeds.preview}
        verb = request.path_params["verb"]
        if verb not in verbs:
            return _json({"problem": {"what": f"nothing is called {verb}"}}, 404)
        body = await request.body()

        def begin(name: str) -> None:
            try:
                said = msgspec.json.decode(body)
                form = msgspec.convert({key: value for key, value in said.items() if key != "deed"}, Form)
            except (msgspec.DecodeError, msgspec.ValidationError, AttributeError) as error:
                raise InputError(tr("the form cannot be understood"), cause=str(error)) from error
            deeds.begin(name, verb, form.job or form.name or form.command, partial(verbs[verb], form))

        return await self._begun(request, begin)

    async def _begun(self, request: Request, begin: Callable[[str], None]) -> Response:
        body = await request.body()

        def work() -> dict[str, str]:
            try:
                name = msgspec.json.decode(body)["deed"]
            except (msgspec.DecodeError, KeyError, TypeError) as error:
                raise InputError(tr("it is not said what this deed is called")) from error
            if not isinstance(name, str) or not _DEED.fullmatch(name):
                raise InputError(tr("no deed is called that"))
            begin(name)
            return {"deed": name}

        return await _apart(work)
