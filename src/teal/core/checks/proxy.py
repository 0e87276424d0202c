"""Services that the proxy can't switch, and the lines that its files lack for the switch.

A service can't be switched where the proxy dials it past Teal's snippet, or imports the snippet under a wrong name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from teal.core.model.compose import mapping, networks_of, sequence, services_in, text, unescaped
from teal.core.model.counts import MARKERS
from teal.core.model.problem import Problem, error, warning
from teal.core.model.proxy_config import Dial
from teal.core.model.side import Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.traffic import MOUNT, WITH_TWO_SIDES
from teal.core.services.addresses import Names, host_and_port
from teal.core.services.own_proxy import ways_of

_IN_PLACE = {"reverse_proxy", "php_fastcgi"}  # the snippet takes the place of these
_BY_URL = {"forward_auth", "on_demand_tls"}  # these can ask a site of the proxy's own instead
_FIRST_SITE = 8091  # port of the first such site that is proposed


def reachable(stack: Stack) -> Iterator[Problem]:
    """Say which services the proxy can't switch, by its configuration of today."""
    if stack.own:  # it is called by all names itself, and on a network of each route
        return
    services = services_in(stack.models[Side.BLUE])
    proxy = services.get(stack.proxy, {})
    if proxy and proxy.get("network_mode"):
        mode = text(proxy["network_mode"])
        message = f"the proxy {stack.proxy} has network_mode {mode}, where no service has a name"
        yield error(stack.proxy, message, "publish its ports instead")
        return
    yield from past_snippet(stack, stack.evidence.dials)
    yield from _imported(stack)
    passed = {each.service for each in past_snippet(stack, stack.evidence.dials)}
    for each in stack.having(Role.ROUTE):
        apart = proxy and not set(networks_of(proxy)) & set(networks_of(services[each.name]))
        if apart and each.name not in passed:
            yield error(each.name, f"{each.name} and the proxy have no network in common", "put both on one network")


def running(stack: Stack, routes: Iterable[tuple[str, int]], dials: Iterable[Dial], way: str) -> Iterator[Problem]:
    """Say in what the configuration that the proxy has loaded can't be switched, beyond what today's files say.

    *routes* are its imports of the snippet, *way* is the command by which it loads the files of today.
    """
    if stack.own:
        yield from _own_lacks(stack, routes)
        return
    switched = {name for name, _ in routes}
    lacking = {each.name for each in stack.having(Role.ROUTE)} - switched
    today = {(dial.address, dial.by) for dial in stack.evidence.dials}
    for problem in past_snippet(stack, (d for d in dials if (d.address, d.by) not in today), proxy="the running proxy"):
        if problem.service not in lacking:
            yield replace(problem, remedy=f"today's files don't: {way}", place="")
    for each in stack.rotating:
        if each.name in lacking:
            line = f"`import teal {each.name} {each.port}`"
            imported = each.name in stack.evidence.routes
            remedy = f"today's Caddyfile does: {way}" if imported else f"write {line} in the Caddyfile, then {way}"
            yield error(each.name, f"the running proxy does not switch {each.name}", remedy)
        elif each.role is not Role.ROUTE and each.name in switched and not _mended_first(stack, each.name):
            message = (
                f"the running proxy passes requests to {each.name} through Teal's snippet, but it is a {each.role}"
            )
            yield error(each.name, message, f"today's files don't, or could not be read: {way}")


def _own_lacks(stack: Stack, routes: Iterable[tuple[str, int]]) -> Iterator[Problem]:
    """Say what Teal's own proxy does not lead to yet: it was started for the files of another day."""
    known = set(routes)
    for name, port in ways_of(stack):
        if (name, port) not in known:
            yield error(name, f"Teal's own proxy does not lead to {name}, port {port}, yet", f"`teal up {stack.proxy}`")


def uncounted(stack: Stack, reload: str, *, snippet: int, metrics: bool) -> Iterator[Problem]:
    """Say what the running proxy's *snippet* does not know, or that Caddy does not count: all else goes on as it is."""
    if snippet < WITH_TWO_SIDES:
        message = "its snippet is an older one: it counts nothing of what users meet, and knows no canary and no pages"
        yield Problem("note", stack.proxy, message, newer_snippet(stack, reload))
    elif not metrics:
        message = "Caddy counts no requests, so nobody sees what users met in a deploy"
        line = "write `metrics` in the global options, at the top of the Caddyfile"
        remedy = f"{_first(stack)}{line}, then {_reloaded(stack, reload)}"
        yield Problem("note", stack.proxy, message, remedy)


def miscounted(stack: Stack, mixed: Iterable[str]) -> Iterator[Problem]:
    """Say which directives of the Caddyfile are counted among the requests of a color."""
    for handler in mixed:
        side = MARKERS[handler]
        message = f"a site without a host name has `{handler}` at its top: Caddy counts what comes there as {side}'s"
        remedy = "write it inside a `route { … }`: Teal counts by the name of that directive"
        yield warning(stack.proxy, message, remedy)


def unserved(stack: Stack, reload: str, served: Iterable[str]) -> Iterator[Problem]:
    """Say of which routes files of older releases are kept, and the running proxy does not serve them."""
    names = {each.service for each in stack.assets}
    for name in sorted(names - set(served)):
        message = (
            f"files of older releases of {name} are kept (`assets` in teal.yml), but the proxy does not serve them"
        )
        line = f"write `import teal_assets {name}` among the options of its import"
        remedy = f"`teal up {stack.proxy}`" if stack.own else f"{_first(stack)}{line}, then {_reloaded(stack, reload)}"
        yield warning(name, message, remedy)


def newer_snippet(stack: Stack, reload: str) -> str:
    """Return how the proxy gets the snippet of this version, and what that costs."""
    if stack.own:
        return f"`teal up {stack.proxy}` brings today's"
    first = (
        "`teal snippet > teal.caddy`, with `import teal.caddy` below the global options of the Caddyfile, and, for the "
        "counts, `metrics` in these"
    )
    return f"{_first(stack)}{first}, then {_reloaded(stack, reload)}"


def _first(stack: Stack) -> str:
    """Return what comes before any reload: a Caddyfile that is refused must not be loaded."""
    return "correct the Caddyfile, then " if is_refused(stack) else ""


def _reloaded(stack: Stack, reload: str) -> str:
    return f"`teal exec {stack.proxy} {reload}`: once, and a request that arrives in that instant may be lost"


def is_refused(stack: Stack) -> bool:
    """Tell whether the Caddyfile of today leads users where no color answers: it should not be loaded as it is."""
    if not stack.models:
        return False  # a kept release: nobody has read the files of today
    past = past_snippet(stack, stack.evidence.dials)
    return bool(stack.evidence.strange) or any(each.level == "error" for each in past)


def _mended_first(stack: Stack, name: str) -> bool:
    """Tell whether today's files lead to *name* all the same, by a line that is refused: they must not be loaded."""
    imported = (meant for _, _, meant in _strange(stack))
    return name in imported or any(each.service == name for each in past_snippet(stack, stack.evidence.dials))


def past_snippet(stack: Stack, dials: Iterable[Dial], *, proxy: str = "the proxy") -> Iterator[Problem]:
    """Say which of *dials* lead to a service that rotates: once it stands in a color, nobody answers there."""
    names = Names(stack.models, stack.proxy)
    rotating = {each.name: each for each in stack.rotating}
    for dial in dials:
        name, port = names.meant(dial.address)
        if name in rotating:
            spoken = dial.address if host_and_port(dial.address)[0] == name.lower() else f"{dial.address} ({name})"
            how = "" if dial.by == "reverse_proxy" else f" by {dial.by}"
            where = f" from {dial.at}" if dial.at and not dial.place else ""
            message = f"{proxy} passes requests{where} to {spoken}{how} past Teal's snippet, so they can't be switched"
            found = error(name, message, _remedy(dial, rotating[name], port, stack))
            yield replace(found, place=dial.place or "Caddyfile")
        elif dial.varies and dial.by in _IN_PLACE:
            message = f"{proxy} passes requests to {dial.address}, which each request decides: Teal can't switch those"
            remedy = "where that may be a service that rotates, give each such service a site or path of its own"
            yield replace(warning(stack.proxy, message, remedy), place=dial.place or "Caddyfile")


def _remedy(dial: Dial, service: Service, port: int, stack: Stack) -> str:
    port = port or service.port
    line = f"import teal {service.name} {port}"
    if dial.by == "php_fastcgi":
        return f"write what php_fastcgi stands for, with `{line} {{ transport fastcgi }}`: see docs/proxy.md"
    if dial.by in _IN_PLACE:
        return f"write `{line}` in place of that reverse_proxy"
    if dial.by in _BY_URL:
        taken = stack.evidence.listens
        ours = [each.name for each in stack.rotating]
        free = next(p for p in range(_FIRST_SITE + ours.index(service.name), 65536) if p not in taken)
        said = f"let {dial.by} ask 127.0.0.1:{free}, a site that nobody else reaches"
        return f"{said}; add to the Caddyfile:\n{site(free, service.name, port)}"
    return f"only HTTP through the snippet can be switched: take that out, or make {service.name} shared, in teal.yml"


def site(listen: int, name: str, port: int) -> str:
    """Return the lines of a site at the port *listen*, inside the proxy's container, that leads to a route."""
    return f"  http://:{listen} {{\n  \timport teal {name} {port}\n  }}"


def _imported(stack: Stack) -> Iterator[Problem]:
    """Say which imports of the snippet lead to nothing that a color has."""
    for name, port, meant in _strange(stack):
        remedy = f"write the service's name: `import teal {meant} {port}`" if meant else "take that line out"
        message = f"the Caddyfile says `import teal {name} {port}`, but the stack has no service {name}"
        yield _at_import(stack, name, error(stack.proxy, message, remedy))
    for each in stack.services:
        if each.name not in stack.evidence.routes or each.role is Role.ROUTE:
            continue
        port = stack.evidence.routes[each.name]
        kind = "shared" if each.role is Role.SHARED else f"a {each.role}"
        message = f"the Caddyfile says `import teal {each.name} {port}`, but {each.name} is {kind}"
        remedy = f"write `reverse_proxy {each.name}:{port}`: no color has it"
        if each.role.rotates:
            remedy = f"take {each.name} out of `services` in teal.yml: it is a route"
        yield _at_import(stack, each.name, error(each.name, message, remedy))


def _strange(stack: Stack) -> Iterator[tuple[str, int, str]]:
    """Yield each import of a service that is not there, with the one that is meant, "" where none is like it."""
    names, services = Names(stack.models, stack.proxy), services_in(stack.models[Side.PLAIN])
    for name, port in stack.evidence.strange:
        like = difflib.get_close_matches(name, services, n=1)
        yield name, port, names.meant(f"{name}:{port}")[0] or next(iter(like), "")


def _at_import(stack: Stack, name: str, problem: Problem) -> Problem:
    return replace(problem, place=stack.evidence.imported_at.get(name, "Caddyfile"))


def preparation(stack: Stack, folder: str) -> Iterator[Problem]:
    """Say what the proxy lacks to read the state file in *folder* on this host, each with the line to add."""
    if not stack.proxy or stack.own:
        return
    if not stack.evidence.routes:
        yield error(
            stack.proxy,
            "the Caddyfile does not import Teal's snippet",
            "`teal snippet > teal.caddy` beside it, `import teal.caddy` at its top, below the global options, and in "
            "place of each `reverse_proxy NAME:PORT {…}` write `import teal NAME PORT {…}`",
        )
    mounted = _mounted(stack)
    if not mounted:
        line = f"- ${{TEAL_HOME:-/var/lib/teal}}/${{COMPOSE_PROJECT_NAME:-{stack.project}}}/proxy:{MOUNT}:ro"
        message = f"{stack.proxy} does not mount Teal's state directory at {MOUNT}"
        yield error(stack.proxy, message, f"add to its volumes: `{line}`")
    elif mounted.rstrip("/") != folder.rstrip("/"):
        message = f"{stack.proxy} mounts {mounted} at {MOUNT}, but Teal's state is in {folder}"
        yield error(stack.proxy, message, "give both the same TEAL_HOME, e.g. in `.env`")


def _mounted(stack: Stack) -> str:
    """Return the host directory that the proxy mounts for the state file, "" for none."""
    proxy = services_in(stack.models[Side.PLAIN]).get(stack.proxy, {})
    for volume in map(mapping, sequence(proxy.get("volumes"))):
        if text(volume.get("target")).rstrip("/") == MOUNT:
            return unescaped(volume.get("source"))
    return ""
