"""The application: its routes, and what each answers. In a read-only page no route that changes anything exists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from teal.core.plots import STYLE
from teal.core.report.drawn import charts
from teal.core.report.words import six_lines
from teal.errors import TealError
from teal.web.calls import Call, Told, start
from teal.web.desk import Desk
from teal.web.guard import Doors, Guard, visitor_of
from teal.web.progress import Progress, left_off, progress
from teal.web.seen import Seen
from teal.web.show import FOLDER, Look, Pages, same
from teal.web.visitors import Visitor
from teal.web.watch import LINES, Watch, kept_logs

ACTIONS: Mapping[str, tuple[str, ...]] = {  # what a button calls, and with which words it only looks ahead
    "deploy": ("--dry-run",),
    "rollback": ("--dry-run",),
    "cleanup": ("--dry-run",),
    "promote": (),
    "abort": (),
}
_BEAT = 15.0  # seconds after which a stream says something, though nothing happened: proxies cut what is silent
_LARGEST = 4096  # bytes of a form
_BEATEN = ": still here\n\n"


@dataclass(slots=True)
class House:
    """All that the routes share."""

    doors: Doors
    watches: dict[str, Watch]
    actions: tuple[str, ...] = ()
    read_only: bool = False
    logs: bool = True
    pages: Pages = field(default_factory=Pages)

    def look(self, visitor: Visitor | None) -> Look:
        """Return for whom a page is made."""
        token = self.doors.book.form_token(visitor) if visitor else ""
        actions = () if self.read_only else self.actions
        several = len(self.watches) > 1
        return Look(visitor, self.doors.root, self.read_only, self.logs, actions, token, several)

    def watch(self, request: Request) -> Watch:
        """Return the watch of the stack that is meant."""
        found = self.watches.get(request.path_params["stack"])
        if found is None:
            raise HTTPException(404)
        return found

    def page(self, request: Request, template: str, watch: Watch | None = None, **facts: Any) -> HTMLResponse:
        """Return a whole page."""
        clean = watch.desk.clean if watch else next(iter(self.watches.values())).desk.clean
        status = facts.pop("code", 200)
        look = self.look(request.scope["state"].get("visitor"))
        return HTMLResponse(self.pages.render(template, look, clean, **facts), status)


def application(
    desks: Mapping[str, Desk],
    doors: Doors,
    *,
    actions: tuple[str, ...] = (),
    read_only: bool = False,
    logs: bool = True,
) -> Starlette:
    """Return the application over *desks*."""
    house = House(doors, {name: Watch(desk) for name, desk in desks.items()}, actions, read_only, logs)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        for watch in house.watches.values():
            await watch.close()

    strangers = house.pages.render("stranger.html", house.look(None), str)
    guard = Middleware(Guard, doors=doors, strangers=strangers)
    app = Starlette(routes=_routes(house), middleware=[guard], lifespan=lifespan)
    app.state.house = house
    return app


def _routes(house: House) -> list[BaseRoute]:
    pages = _Looking(house)
    routes: list[BaseRoute] = [
        Route("/", pages.home, methods=["GET"]),
        Route("/events", pages.every, methods=["GET"]),
        Route("/login", pages.login, methods=["GET"]),
        Route("/stack/{stack}", pages.stack, methods=["GET"]),
        Route("/stack/{stack}/events", pages.events, methods=["GET"]),
        Route("/stack/{stack}/check", pages.check, methods=["GET"]),
        Route("/stack/{stack}/diff/{before:int}/{after:int}", pages.diff, methods=["GET"]),
        Route("/stack/{stack}/run/{run:int}", pages.run, methods=["GET"]),
        Route("/stack/{stack}/container/{name}", pages.container, methods=["GET"]),
        Route("/static/plots.css", pages.plots, methods=["GET"]),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]
    if not house.read_only:
        acting = _Acting(house)
        routes.append(Route("/stack/{stack}/do/{action}", acting.ahead, methods=["GET"]))
        routes.append(Route("/stack/{stack}/do/{action}", acting.begin, methods=["POST"]))
    return routes


@dataclass(frozen=True, slots=True)
class _Looking:
    """What only looks."""

    house: House

    async def login(self, request: Request) -> Response:
        doors = self.house.doors
        cookie = doors.book.open_session(request.query_params.get("token", ""))
        if not cookie:
            return self.house.page(request, "stranger.html", code=401)
        answer = RedirectResponse(f"{doors.root}/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(doors.cookie, cookie, httponly=True, samesite="strict", secure=secure, path=doors.root or "/")
        return answer

    async def plots(self, _: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def home(self, request: Request) -> Response:
        if len(self.house.watches) == 1:
            return RedirectResponse(f"{self.house.doors.root}/stack/{quote(next(iter(self.house.watches)))}", 303)
        look = self.house.look(visitor_of(request.scope))
        cards = await asyncio.gather(*(self._card(each, look) for each in self.house.watches.values()))
        return self.house.page(request, "home.html", cards=cards, title="stacks")

    async def _card(self, watch: Watch, look: Look) -> Markup:
        return self.house.pages.card(await watch.look(), look, watch.desk.clean)

    async def every(self, request: Request) -> Response:
        return _events(_cards(self.house, self.house.look(visitor_of(request.scope))))

    async def stack(self, request: Request) -> Response:
        watch = self.house.watch(request)
        seen = await watch.look()
        return self.house.page(request, "stack.html", watch, seen=seen, now=seen.at, title=seen.name)

    async def events(self, request: Request) -> Response:
        watch, look = self.house.watch(request), self.house.look(visitor_of(request.scope))
        return _events(_parts(self.house.pages, watch, look))

    async def check(self, request: Request) -> Response:
        watch = self.house.watch(request)
        told = await watch.ask(["check"])
        return self.house.page(request, "check.html", watch, stack=watch.desk.name, told=told, title="check")

    async def diff(self, request: Request) -> Response:
        watch = self.house.watch(request)
        before, after = (str(request.path_params[each]) for each in ("before", "after"))
        told = await watch.ask(["diff", before, after])
        facts = {"stack": watch.desk.name, "told": told, "before": before, "after": after}
        return self.house.page(request, "diff.html", watch, **facts, title=f"{before} to {after}")

    async def run(self, request: Request) -> Response:
        watch, number = self.house.watch(request), request.path_params["run"]
        seen, opened = await watch.look(), await watch.opened()
        row = next((each for each in seen.rows if each.id == number), None)
        found = progress(opened.ports.logs.read(number)) if row else Progress()
        if row and row.outcome != "running":
            found = left_off(found)
        logs = kept_logs(opened, row, found) if row else {}
        before = next((each.release for each in seen.rows if row and each.id < row.id and each.outcome == "done"), None)
        facts = {"seen": seen, "now": seen.at, "number": number, "row": row, "progress": found, "kept_logs": logs}
        report = opened.ports.reports.read(number) if row else None
        facts["said"] = six_lines(report) if report else ()
        facts["charts"] = tuple(Markup(drawn) for drawn, _ in charts(report)) if report else ()  # noqa: S704 (escaped there)
        facts["before"] = before if row and row.release and before != row.release else None
        return self.house.page(request, "run.html", watch, **facts, title=f"run {number}")

    async def container(self, request: Request) -> Response:
        watch = self.house.watch(request)
        seen = await watch.look()
        found = seen.container(request.path_params["name"])
        if found is None:
            return self.house.page(request, "gone.html", watch, seen=seen, title="gone", code=404)
        said: dict[str, Any] = {"memory": 0, "log": "", "trouble": ""}
        try:
            opened = await watch.opened()
            engine = opened.ports.engine
            if found.running:
                said["memory"] = await engine.memory([found.id])
            if self.house.logs:
                said["log"] = await engine.logs(found.id, lines=LINES)
            said["checks"] = await engine.health_log(found.id)
        except TealError as error:
            said["trouble"] = error.message
            said.setdefault("checks", ())
        facts = {"seen": seen, "now": seen.at, "container": found, "title": found.name, **said}
        return self.house.page(request, "container.html", watch, **facts)


def _events(stream: AsyncIterator[str]) -> Response:
    headers = {"x-accel-buffering": "no"}  # nginx would keep back what it holds for one answer
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _parts(pages: Pages, watch: Watch, look: Look) -> AsyncIterator[str]:
    """Yield, as server-sent events, each part of the page that differs from what was sent before."""
    sent: dict[str, str] = {}
    async with watch.viewing() as views, aclosing(_beating(views)) as beating:
        async for seen in beating:
            if seen is None:
                yield _BEATEN
                continue
            for name, part in pages.parts(seen, look, watch.desk.clean).items():
                if sent.get(name) != (key := same(part)):
                    sent[name] = key
                    yield _event(name, part, seen.at)


async def _cards(house: House, look: Look) -> AsyncIterator[str]:
    """Yield the card of each stack as it changes."""
    sent: dict[str, str] = {}
    news: asyncio.Queue[tuple[str, Seen]] = asyncio.Queue()

    async def follow(name: str, watch: Watch) -> None:
        async with watch.viewing() as views:
            async for seen in views:
                news.put_nowait((name, seen))

    async with asyncio.TaskGroup() as tasks:
        following = [tasks.create_task(follow(*each)) for each in house.watches.items()]
        try:
            while True:
                try:
                    name, seen = await asyncio.wait_for(news.get(), _BEAT)
                except TimeoutError:
                    yield _BEATEN
                    continue
                card = str(house.pages.card(seen, look, house.watches[name].desk.clean))
                if sent.get(name) != (key := same(card)):
                    sent[name] = key
                    yield _event(str(1 + list(house.watches).index(name)), card, seen.at)
        finally:
            for each in following:
                each.cancel()


def _event(name: str, part: str, at: float) -> str:
    return f"event: part\ndata: {json.dumps({'id': name, 'html': part, 'at': at})}\n\n"


async def _beating(views: AsyncIterator[Seen]) -> AsyncGenerator[Seen | None, None]:
    """Yield each view, and None where there was none for a while."""
    following = asyncio.ensure_future(anext(views))
    try:
        while True:
            done, _ = await asyncio.wait([following], timeout=_BEAT)
            if not done:
                yield None
                continue
            yield following.result()
            following = asyncio.ensure_future(anext(views))
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


@dataclass(frozen=True, slots=True)
class _Acting:
    """What a button leads to: first a page that says what will happen, then the command."""

    house: House

    async def ahead(self, request: Request) -> Response:
        watch, action = self._meant(request)
        release = _number(request.query_params.get("release", ""))
        told = Told()
        if ACTIONS[action]:
            told = await watch.ask([action, *release, *ACTIONS[action]])
        seen = await watch.look()
        facts = {"seen": seen, "now": seen.at, "action": action, "release": "".join(release), "told": told}
        return self.house.page(request, "ahead.html", watch, **facts, title=action)

    async def begin(self, request: Request) -> Response:
        watch, action = self._meant(request)
        visitor = visitor_of(request.scope)
        form = await _form(request)
        if not self.house.doors.book.is_form_token(visitor, form.get("token", "")):
            raise HTTPException(403, "this form was not made for you, or is too old: load the page again")
        call: Call = start(watch.desk, [action, *_number(form.get("release", ""))], visitor.name)
        watch.call = call
        watch.nudge()
        watch.seen = None
        return RedirectResponse(f"{self.house.doors.root}/stack/{quote(watch.desk.name)}", 303)

    def _meant(self, request: Request) -> tuple[Watch, str]:
        watch, action = self.house.watch(request), request.path_params["action"]
        if visitor_of(request.scope).role != "act":
            raise HTTPException(403, "you may look, and not act")
        if action not in self.house.actions:
            raise HTTPException(404)
        return watch, action


def _number(given: str) -> tuple[str, ...]:
    """Return the number of a release as a word of a command line, nothing where it is none."""
    return (given,) if given.isascii() and given.isdecimal() and len(given) < 10 else ()


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST:
            raise HTTPException(413)
    return {name: values[-1] for name, values in parse_qs(body.decode(errors="replace")).items()}
