"""Watches a new release while it serves users and the old one is still warm: kept, taken back, or left to a person.

- What ends, falls ill or starts again by itself needs no statistics. Else the users' failed requests decide, as the
  proxy counts them: ``core.planning.bake``.
- Before anything goes back, the old release is asked the same by its key. Where it fails as well, as with a database
  that is down, going back would help nobody: the evidence is forgotten, and after the third time a person is called.
- `teal promote` and `teal abort` decide before the time is over.
- Slower answers, and many more that are turned away (401, 403, 404), are warned of, and take nothing back.
- An engine or proxy that does not answer says nothing against a release: that time is not counted as watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct, structs

from teal.core.model.counts import ColorCounts, Counts
from teal.core.model.observed import Container
from teal.core.model.side import Side, key_of
from teal.core.model.stack import HttpCheck, Role, Service, Stage
from teal.core.model.traffic import buckets
from teal.core.model.traffic import canary as lead_some
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.bake import (
    ABREAST,
    ACQUITS,
    BETWEEN,
    FEW,
    HELD_AFTER,
    ROUNDS,
    WINDOW,
    Evidence,
    Late,
    Seen,
    allowed_rate,
    late_before,
    turned_away,
)
from teal.core.planning.events import Baking
from teal.core.planning.steps import Bake, RunCanary
from teal.errors import Failed, Held, RolledBack, TealError, Unavailable
from teal.run.api import Baked
from teal.run.context import RunContext
from teal.run.steps.checks import probe_path
from teal.run.steps.evidence import last_words
from teal.run.steps.proxy import entry_of, require_snippet
from teal.run.steps.start import failed_since_gate

GLANCE = Seconds(0.5)  # between two looks at the containers
PATIENCE = Seconds(2.0)  # for one answer of the old release
RESPITE = Seconds(10.0)  # after an acquittal, before a container that still does not stand counts again
WORKER_RESTARTS = 2
COLD = Seconds(30.0)  # caches are cold: answers may be slow for so long


async def bake(context: RunContext, step: Bake) -> None:
    """Watch the release of *step* until its time is over or somebody decides.

    Raises ``RolledBack`` where it is worse than what served before, ``Held`` where that fails as well.
    """
    context.traffic.open_standby(step.warm or step.side)
    watch = _Watch(context, step)
    await watch.begin()
    while True:
        decided = context.ports.lock.asked()
        if decided == "promote":
            watch.end("promoted")
            return
        if decided == "abort":
            raise watch.rolled_back("somebody took it back (`teal abort`)")
        trouble = await watch.look()
        if trouble is not None:
            await watch.judge(trouble)
        elif watch.left <= 0 and not watch.quiet:
            watch.end("passed" if watch.seen.requests >= FEW else "passed-unseen")
            return
        await context.ports.clock.sleep(GLANCE)


async def canary(context: RunContext, step: RunCanary) -> None:
    """Lead some users to the release of *step*, more with each stage, and watch it beside the old one.

    Raises ``RolledBack`` where it is worse than that one at the same time, ``Refused`` where the proxy's snippet is too
    old to know of a canary.
    """
    await require_snippet(context, "a canary")
    watch = _Watch(context, Bake(step.side, step.release, step.warm, Seconds(0.0)), beside=True)
    course = _Course(list(step.stages))
    begun = False
    while True:
        word, _, said = context.ports.lock.asked().partition(" ")
        if word == "abort":
            raise watch.rolled_back("somebody took it back (`teal abort`)")
        if word == "promote":
            watch.end("promoted")
            return
        if not course.goes_on(context.ports.clock.monotonic(), float(said) if word == "canary" else None):
            watch.end("passed" if watch.seen.requests >= FEW else "passed-unseen")
            return
        wanted = lead_some(step.warm, step.side, buckets(course.percent))
        if context.traffic.now().without_key != wanted:
            context.traffic.lead(wanted, step.warm)
            context.reporter.note(f"{course.percent:g}% of users are led to release {step.release}")
        if not begun:  # the proxy can be asked what it counts from here on
            await watch.begin()
            begun = True
        trouble = await watch.look()
        if trouble is not None:
            await watch.judge(trouble)
        await context.ports.clock.sleep(GLANCE)


@dataclass(slots=True)
class _Course:
    """Which share of users is led to the new release now, and until when. Times are monotonic, in seconds."""

    stages: list[Stage]  # that are still to come
    percent: float = 0.0
    until: float | None = 0.0  # None: until somebody decides

    def goes_on(self, now: float, asked: float | None) -> bool:
        """Enter the stage that is due *now*, or the share that was *asked* for; tell whether there is one."""
        if asked is not None:
            self.percent, self.until = asked, None
        elif self.until is not None and now >= self.until:
            if not self.stages:
                return False
            stage = self.stages.pop(0)
            self.percent = stage.percent
            self.until = None if stage.seconds is None else now + stage.seconds
        return True


class Trouble(Struct, frozen=True):
    """What speaks against the new release: *why* in words, *detail* for a person, *service* where it is one's fall."""

    why: str
    service: str = ""
    detail: str = ""


@dataclass(slots=True)
class _Watch:
    """One bake as it goes on. Times are monotonic, in seconds."""

    context: RunContext
    step: Bake
    beside: bool = False  # the old release serves others at the same time: it is what the new one is measured by
    watched: Seconds = Seconds(0.0)  # of all looks that came to something
    looked: float = 0.0
    lives: frozenset[tuple[str, float]] = frozenset()  # of the routes, as they were at the beginning
    restarts: dict[str, int] = field(default_factory=dict)  # worker -> starts seen beyond the first
    workers: dict[str, float] = field(default_factory=dict)  # worker's container -> its start
    sound: tuple[HttpCheck, ...] = ()  # the owner's checks that the old release has passed
    ailing: frozenset[str] = frozenset()  # shared services that did not stand at the beginning
    counted: Counts | None = None  # the last reading
    windowed: float = 0.0
    old: ColorCounts = field(default_factory=ColorCounts)  # what the users of the old release met before
    new: ColorCounts = field(default_factory=ColorCounts)  # what those of the new one met so far
    others: Seen = field(default_factory=Seen)  # what the users of the old release met meanwhile
    evidence: Evidence = field(default_factory=lambda: Evidence(allowed_rate(Seen())))
    late: Late | None = None  # what is slow, by the release before
    lateness: Evidence | None = None  # what speaks for answers being slower than before
    prolonged: Seconds = Seconds(0.0)
    quiet_until: float = 0.0  # containers that do not stand are not judged again before
    told: set[str] = field(default_factory=set)  # what was said, or what it was about

    @property
    def seen(self) -> Seen:
        """Return how many requests the new release has answered so far."""
        return _seen(self.new)

    @property
    def before(self) -> Seen:
        """Return how many the old one had answered."""
        return _seen(self.old)

    @property
    def left(self) -> Seconds:
        """Return for how long the release is still to be watched."""
        return Seconds(self.step.seconds + self.prolonged - self.watched)

    @property
    def quiet(self) -> bool:
        """Tell whether a container that does not stand is given time: until then nothing has passed."""
        return self.context.ports.clock.monotonic() < self.quiet_until

    async def begin(self) -> None:
        """Look at what stands, and at what the users of the old release met before the switch."""
        now = self.context.ports.clock.monotonic()
        self.looked = self.windowed = now
        self.lives = _lives(await self._routes())
        self.workers = {each.id: each.started for each in await self._workers()}
        self.ailing = frozenset(await self._shared_down())
        self.counted = await self._counts()
        if self.counted is not None and self.step.warm is not None:
            self.old = self.counted.of(self.step.warm)
            self.late = late_before(self.old)
            self.lateness = Evidence(self.late.allowed) if self.late else None
        self.evidence = Evidence(allowed_rate(self.before))
        if self.counted is None:
            self.context.reporter.note(
                "the proxy does not count users' requests by color: only the containers are watched; "
                "`teal check` says what is missing"
            )
        if self.step.warm is not None:
            http = [each for each in self.context.stack.checks if isinstance(each, HttpCheck)]
            self.sound = tuple([each for each in http if not await self._check_fails(self.step.warm, each)])

    async def look(self) -> Trouble | None:
        """Look once; return what speaks against the release."""
        clock = self.context.ports.clock
        try:
            trouble = await self._fallen()
            if trouble is None or self.quiet:
                trouble = await self._failing()
        except Unavailable as error:
            self._tell(f"{error.message}: not watched meanwhile")
            self.looked = clock.monotonic()
            return None
        now = clock.monotonic()
        self.watched, self.looked = Seconds(self.watched + now - self.looked), now
        return trouble

    def _rest(self) -> Bake:
        """Return what is left of the bake, for whoever takes it up after this process has died."""
        step = self.step
        return Bake(step.side, step.release, step.warm, Seconds(max(0.0, self.left)), step.back)

    async def judge(self, trouble: Trouble) -> None:
        """Ask the old release before going back; raise what that comes to."""
        step, why = self.step, trouble.why
        if not step.back:
            self._tell(f"{why}; nothing goes back by itself here: see `teal logs`")
            self._acquit()
            return
        if step.warm is None:
            if trouble.service:
                raise self.rolled_back(why, trouble.detail)
            self._tell(f"{why}; what served before does not run any more, so nothing goes back by itself")
            self._acquit()
            return
        also = await self._old_fails(step.warm)
        if not also and not trouble.service and await self._well_again():
            return
        if not also:
            raise self.rolled_back(why, trouble.detail)
        self._acquit()
        self.context.reporter.note(f"{why}; but {also}: going back would not help", warning=True)
        if self.evidence.acquitted >= HELD_AFTER:
            raise self._held(why, also)

    def end(self, outcome: Literal["passed", "passed-unseen", "promoted"]) -> None:
        """Keep for the summary how it ended."""
        self.context.reporter.baked = self._said(outcome, "")

    def rolled_back(self, why: str, detail: str = "") -> RolledBack:
        """Return the error that takes users back."""
        self.context.reporter.baked = self._said("rolled-back", why)
        what = _named(self.step.release)
        return RolledBack(f"{what} was taken back after {self.watched:.0f} s: {why}", detail=detail)

    def _held(self, why: str, also: str) -> Failed | Held:
        self.context.reporter.baked = self._said("held", why)
        what = _named(self.step.release)
        if self.beside:  # nothing is lost where all users are on the old release, and nothing proved
            return Failed(
                f"{what} could not be judged: {why}; but {also}", hint="mend what both need, then deploy again"
            )
        return Held(
            f"{what} serves and is not proved: {why}; but {also}",
            hint="mend what both need; then the next command goes on watching, `teal promote` keeps it, "
            "`teal abort` goes back",
        )

    def _said(self, outcome: Literal["passed", "passed-unseen", "promoted", "rolled-back", "held"], why: str) -> Baked:
        return Baked(outcome, self.watched, self.seen.requests, self.seen.failed, self.before.requests,
                     self.before.failed, self.counted is not None, why)  # fmt: skip

    def _acquit(self) -> None:
        """Forget what speaks against the release, and give it time before a fallen container counts again."""
        self.evidence = self.evidence.forgiven()
        self.quiet_until = self.context.ports.clock.monotonic() + RESPITE

    async def _fallen(self) -> Trouble | None:
        """Return which service of the new release has ended, fallen ill, or was started again."""
        step, context = self.step, self.context
        names = context.before_switch(step.release)
        error = await failed_since_gate(context, step.side, step.release, names)
        if error is not None:
            return Trouble(error.message, "all", error.detail)
        for each in await self._routes():
            if (each.id, each.started) not in self.lives:
                why = f"{step.side}/{each.service} has ended and was started again"
                return Trouble(why, each.service, await last_words(context, (each,)))
        for each in await self._workers():
            if self.workers.setdefault(each.id, each.started) != each.started:
                self.workers[each.id] = each.started
                self.restarts[each.service] = self.restarts.get(each.service, 0) + 1
        looping = next((name for name, count in self.restarts.items() if count >= WORKER_RESTARTS), "")
        if looping:
            why = f"{step.side}/{looping} was started again {self.restarts[looping]} times"
            mine = [each for each in await self._workers() if each.service == looping]
            return Trouble(why, looping, await last_words(context, mine))
        return None

    async def _failing(self) -> Trouble | None:
        """Return what the users' failed requests come to, where a window is over."""
        if self.context.ports.clock.monotonic() - self.windowed < WINDOW:
            return None
        self.context.ports.journal.progress(self.context.reporter.run, self._rest())
        if await self._window() is None:
            return None
        verdict = self.evidence.verdict
        if verdict == "suspect" and not self.prolonged and not self.beside:
            self.prolonged = self.step.seconds
            self._tell(f"{self._share()}: watched for twice the time")
        return Trouble(self._share()) if verdict == "guilty" else None

    def _compare(self, window: ColorCounts) -> None:
        """Warn where answers are slower than before, or many more are turned away; nothing goes back for that."""
        denied = turned_away(self.new, self.old)
        if denied:
            self._tell(denied, about="denied")
        if self.late is None or self.lateness is None or self.watched < COLD:
            return
        slow = window.slower(self.late.bound)
        self.lateness = self.lateness.after(Seen(window.answers, slow))
        if self.lateness.verdict == "guilty":
            self._tell(
                f"answers are slower than before: {slow} of the last {window.answers} began later than after "
                f"{self.late.bound:g} s (before {self.late.share:.0%})",
                about="slow",
            )

    async def _well_again(self) -> bool:
        """Tell whether the users of the new release met nothing more while the old one was asked: it is over, then."""
        window = await self._window()
        return window is not None and self.evidence.over(window)

    async def _window(self) -> Seen | None:
        """Read the proxy's counters; return what was answered since they were read last, None where nobody knows."""
        self.windowed = self.context.ports.clock.monotonic()
        now, last = await self._counts(), self.counted
        self.counted = now
        if now is None or last is None:
            return None
        window = now.since(last)
        if window.anew:  # what was answered in this window is not known
            self._tell("the proxy counts anew (it was reloaded or restarted): a window was not seen")
            return None
        met = window.of(self.step.side)
        if self.beside and self.step.warm is not None:
            allowed = max(allowed_rate(self.before), allowed_rate(self.others))  # by what was seen before this window
            self.evidence = structs.replace(self.evidence, allowed=allowed)
            self.others += _seen(window.of(self.step.warm))
        self.new = Counts(self.new).and_then(Counts(met)).blue
        self.evidence = self.evidence.after(_seen(met))
        self._compare(met)
        self.context.reporter.watch(Baking(Seconds(max(0.0, self.left)), self.seen.requests, self.seen.failed))
        return _seen(met)

    def _share(self) -> str:
        """Return in words how many of the users' requests have failed, and how many did before."""
        before = f" (before {self.before.rate:.1%})" if self.before.requests else ""
        return f"{self.seen.failed} of {self.seen.requests} requests failed{before}"

    async def _old_fails(self, warm: Side) -> str:
        """Ask the old release; return in words what fails of it, too, or of what both share; "" where it is sound."""
        down = [name for name in await self._shared_down() if name not in self.ailing]
        if down:
            return f"{', '.join(down)} does not stand, which both releases share"
        release = next((each.release for each in await self.context.containers(warm)), None)
        opening = self.context.before_switch(release)
        fallen = await failed_since_gate(self.context, warm, release, opening)
        if fallen is not None:
            return f"the old release fails as well: {fallen.message}"
        routes = [each for each in self.context.services(release) if each.role is Role.ROUTE and each.port]
        failures, last = 0, ""
        for _ in range(ROUNDS):
            asked = [self._route_fails(warm, each) for each in routes for _ in range(ABREAST)]
            asked += [self._check_fails(warm, each) for each in self.sound for _ in range(ABREAST)]
            said = [each for each in await asyncio.gather(*asked) if each]
            last = next(iter(said), last)
            failures += len(said)
            await self.context.ports.clock.sleep(BETWEEN)
        return f"the old release fails as well: {last}" if failures >= ACQUITS else ""

    async def _route_fails(self, side: Side, route: Service) -> str:
        return await self._ask(side, route.name, probe_path(route), None)

    async def _check_fails(self, side: Side, wanted: HttpCheck) -> str:
        return await self._ask(side, wanted.route, wanted.path, wanted)

    async def _ask(self, side: Side, route: str, path: str, wanted: HttpCheck | None) -> str:
        """Ask *route* on *side* for *path*; return in words what is wrong with the answer, "" for nothing."""
        context = self.context
        try:
            proxy, _ = await context.proxy_endpoints()
            async with asyncio.timeout(PATIENCE):
                answer = await context.ports.proxy.ask(proxy, await entry_of(context, route), context.traffic.key, path)
        except TimeoutError:
            return f"{side}/{route}{path} gave no answer in {PATIENCE:.0f} s"
        except TealError as error:
            return error.message
        if not answer.upstream.startswith(f"{key_of(route, side)}:") or answer.status >= 500:
            return f"{side}/{route}{path} answered {answer.status}"
        if wanted is not None and answer.status != wanted.status:
            return f"{side}/{route}{path} answered {answer.status}, not {wanted.status}"
        if wanted is not None and wanted.contains and wanted.contains not in answer.body:
            return f"{side}/{route}{path} lacks {wanted.contains!r}"
        return ""

    async def _routes(self) -> tuple[Container, ...]:
        return await self.context.containers(self.step.side, self.context.before_switch(self.step.release))

    async def _workers(self) -> tuple[Container, ...]:
        """Return the containers of the new release's jobs that run already."""
        every = self.context.services(self.step.release)
        jobs = frozenset(each.name for each in every if each.role is Role.WORKER and not each.before_switch)
        return tuple(each for each in await self.context.containers(self.step.side, jobs) if each.started)

    async def _shared_down(self) -> Iterable[str]:
        """Return the shared services that don't run, or say that they are unhealthy."""
        found = await self.context.containers(Side.PLAIN, self.context.shared())
        return [each.service for each in found if not each.running or each.health == "unhealthy"]

    async def _counts(self) -> Counts | None:
        try:
            return await self.context.traffic.counts()
        except Unavailable:
            return None

    def _tell(self, text: str, *, about: str = "") -> None:
        """Say something once, or once what it is *about*."""
        if (about or text) not in self.told:
            self.told.add(about or text)
            self.context.reporter.note(text, warning=True)


def _lives(containers: Iterable[Container]) -> frozenset[tuple[str, float]]:
    return frozenset((each.id, each.started) for each in containers)


def _seen(counts: ColorCounts) -> Seen:
    return Seen(counts.total, counts.errors)


def _named(release: ReleaseId | None) -> str:
    return f"release {release}" if release is not None else "what was started"
