"""The proxy's part of ``check``: what it runs with, what its files of today mean, and whether Teal is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from teal.core.checks.front import BELIEVE, BELIEVE_HERE, front, on_loopback
from teal.core.checks.proxy import miscounted, preparation, running, uncounted, unserved
from teal.core.model.observed import Observed
from teal.core.model.problem import Problem, error, warning
from teal.core.model.stack import Stack
from teal.core.model.versions import is_old_caddy
from teal.core.planning.recovery import diagnose
from teal.errors import Locked, TealError
from teal.ports import Loaded
from teal.run.context import Ports, run_context
from teal.run.observe import drift, way
from teal.run.steps.proxy import prove_entries


async def proxy_problems(ports: Ports, stack: Stack, observed: Observed, *, changed: str) -> list[Problem]:
    """Judge the proxy; *changed* names what differs from its container: its definition, its image, or nothing."""
    if not stack.proxy or (stack.own and observed.running_plain(stack.proxy) is None):
        return []  # a deploy brings it
    text = f"its files were only read as text: {stack.evidence.unseen}"
    found = [Problem("note", stack.proxy, text)] if stack.evidence.unseen else []
    proxy = observed.running_plain(stack.proxy)
    if proxy is None:
        if stack.evidence.broken:
            message = f"Caddy does not accept its configuration: {stack.evidence.broken}"
            return [*found, Problem("error", stack.proxy, message, "correct the Caddyfile")]
        if stack.own:
            return found
        note = Problem("note", stack.proxy, "it does not run yet, so its own settings were not checked")
        return [*found, note, *_front(stack, trusts=stack.evidence.trusts or bool(stack.evidence.unseen))]
    try:
        loaded, version, grasp = await asyncio.gather(
            ports.proxy.loaded(proxy), ports.proxy.version(proxy), ports.proxy.drift(proxy)
        )
    except TealError as failed:
        return [*found, Problem("error", stack.proxy, failed.message, failed.hint)]
    applied = way(stack, grasp, ports.proxy.reload, changed=changed)
    problems = [
        *_version(version, stack),
        *running(stack, loaded.routes, loaded.dials, applied),
        *_settings(loaded, stack),
        *miscounted(stack, loaded.mixed if loaded.metrics else ()),
        *unserved(stack, ports.proxy.reload, loaded.assets),
        *uncounted(stack, ports.proxy.reload, snippet=loaded.snippet, metrics=loaded.metrics),
        *drift(stack, grasp, ports.proxy.reload, changed=changed),
    ]
    unswitched = any(each.level == "error" for each in problems)
    differs = changed or grasp.older or grasp.stale
    can_be_asked = not unswitched and not grasp.blind and diagnose(observed, stack) is None
    again = f"`teal up {stack.proxy}`" if changed else f"`teal restart {stack.proxy}`"
    silent = [Problem("warning", stack.proxy, *_uncounted(loaded.admin, again))] if loaded.admin else []
    asked = await _asked(ports, stack, applied if differs else "", silent) if can_be_asked else []
    known = not stack.evidence.unseen and not stack.evidence.broken
    behind = _front(stack, trusts=stack.evidence.trusts if known else loaded.trusts)
    return [*found, *problems, *asked, *behind]


def _front(stack: Stack, *, trusts: bool) -> list[Problem]:
    """Say what the proxy lacks to trust whatever stands in front of it."""
    if trusts:
        return []
    if shows := front(stack):
        message = f"something else stands in front of it ({shows}), but it does not trust what that says about users"
        return [Problem("warning", stack.proxy, message, BELIEVE)]
    if on_loopback(stack):
        message = "only this machine reaches it: if users reach it through an nginx here, say, it must trust that one"
        return [Problem("note", stack.proxy, message, BELIEVE_HERE)]
    return []


def _version(version: str, stack: Stack) -> Iterable[Problem]:
    old = is_old_caddy(version)
    if old is None:
        message = f"its version ({version or 'it says none'}) can't be read: Teal needs 2.11.2 or newer"
        yield warning(stack.proxy, message, f"see: docker compose exec {stack.proxy} caddy version")
    elif old:
        yield error(stack.proxy, f"Caddy {version} is too old", "use Caddy 2.11.2 or newer")


def _settings(loaded: Loaded, stack: Stack) -> Iterable[Problem]:
    """Yield what the configuration that the proxy runs with costs."""
    if not loaded.admin:
        message = "its admin endpoint is off: what is in flight can't be counted, so each drain takes its whole timeout"
        remedy = (
            f"take `admin off` out of the Caddyfile, then `teal restart {stack.proxy}` (a reload needs the endpoint)"
        )
        yield warning(stack.proxy, message, remedy)
    for name in loaded.unfit:
        remedy = "take `health_uri`, `fail_duration` and the like out of its import: Teal's own gate watches health"
        yield warning(name, "after one color failed, Caddy may refuse the other for a while", remedy)


def _uncounted(listens: str, again: str) -> tuple[str, str]:
    """Return message and remedy for an admin endpoint (at *listens* in today's files) that does not answer."""
    message = "it does not say what is in flight, so each drain takes its whole timeout"
    if listens.endswith(":2019"):
        return message, f"{again} gives it the admin endpoint of today's Caddyfile"
    return message, f"its admin endpoint listens at {listens}: say so in its environment, `TEAL_ADMIN: HOST:PORT`"


async def _asked(ports: Ports, stack: Stack, applied: str, silent: list[Problem]) -> list[Problem]:
    """Ask through the proxy as a deploy will; the state file is lent for that, and is as it was afterwards.

    *applied* is the command that gives the proxy its files of today, where it has others; *silent* is what to say of
    one that does not count.
    """
    if ports.machine.unprepared() or any(preparation(stack, ports.proxy.folder)):
        return []  # said elsewhere, with what mends it
    context = run_context(ports, stack, lambda _: None, key=ports.machine.secret())
    try:
        with ports.lock.hold("check"), ports.proxy.lent():
            return [] if await prove_entries(context) else silent
    except Locked as busy:
        return [Problem("note", stack.proxy, f"nothing was asked through it: {busy.message}")]
    except TealError as failed:
        hint = f"it runs with other files than today's: {applied}, then look again" if applied else failed.hint
        return [Problem("error", stack.proxy, failed.message, hint)]
