"""The ports of this machine that change hands when a stack is adopted: who holds them, who wants them, who won't.

A container that publishes a port keeps it for as long as it runs; a color publishes none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from teal.core.model.compose import is_fixed, mapping, number, sequence, services_in, text
from teal.core.model.entrance import Labelled, Named, Published
from teal.core.model.observed import Observed
from teal.core.model.own_proxy import OWN, own_project
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.errors import Refused

_EVERYWHERE = {"", "0.0.0.0", "::", "[::]"}  # noqa: S104 (what Docker means by it)
_HOW = "see docs/proxy.md#my-stack-has-no-caddy"


class HostPort(NamedTuple):
    """A TCP port at an address of this machine, "" for every address."""

    address: str
    port: int

    def meets(self, other: HostPort) -> bool:
        """Tell whether the two can't have two owners."""
        return self.port == other.port and (not self.address or not other.address or self.address == other.address)

    def __str__(self) -> str:
        return f"{self.address}:{self.port}" if self.address else str(self.port)


def host_port(address: str, port: int) -> HostPort:
    """Return the place as one value, whatever spelling says "everywhere"."""
    return HostPort("" if address in _EVERYWHERE else address, port)


def changing_hands(observed: Observed, stack: Stack) -> Iterator[Problem]:
    """Say which ports a running plain service holds that the proxy wants, and which nobody will publish any more."""
    wanted, runs = _wanted(stack), observed.running_plain(stack.proxy) is not None
    if stack.own and observed.running(Side.PLAIN, stack.rotating_names):
        yield from _taken_over(stack)
    for name, held in _held(observed, stack):
        if stack.own and any(held.meets(each) for each in wanted):
            continue
        if any(held.meets(each) for each in wanted):
            yield _in_turn(stack, name, held) if runs else _in_the_way(stack, name, held)
        elif stack.evidence.published_ports.get(name) == "route":
            message = f"nothing publishes {held} once {name} is in a color, and users come there now"
            yield error(name, message, f"add to the ports of {stack.proxy}: `{_line(stack, held)}`; {_HOW}")
        else:
            message = f"nothing publishes {held} once {name} is in a color: the proxy does not, in today's files"
            yield warning(name, message, f"if users need that port, let {stack.proxy} publish it, too: {_HOW}")


_WAITING = "requests wait while the old containers stop"
_NOTICED = "what reads labels may go on for two seconds to send some to those that have stopped"


def _taken_over(stack: Stack) -> Iterator[Problem]:
    """Say what Teal's own proxy takes over from plain containers, and what that costs, this once."""
    ports = list(dict.fromkeys(str(each.port) for each in stack.entrances if isinstance(each, Published)))
    names = list(dict.fromkeys(f"{e.name}:{e.listens}" for e in stack.entrances if isinstance(e, Named)))
    labels = list(dict.fromkeys(each.route for each in stack.entrances if isinstance(each, Labelled)))
    what = [f"port{'s' * (len(ports) > 1)} {', '.join(ports)}"] if ports else []
    what += [f"the name{'s' * (len(names) > 1)} {', '.join(names)}"] if names else []
    what += [f"the labels of {', '.join(labels)}"] if labels else []
    if what:
        closed = "the port is" if len(ports) == 1 else "they are"
        cost = f"{closed} closed for about a second" if ports else _WAITING
        cost = f"{cost}; {_NOTICED}" if labels else cost
        message = f"Teal's own proxy takes over {' and '.join(what)}: {cost}, this once"
        yield Problem("note", OWN, message, "later deploys cost nothing; `teal leave` gives all of it back")


def left_over(observed: Observed, stack: Stack) -> Iterator[Problem]:
    """Say where Teal's own proxy still runs beside a stack that has a prepared Caddy by now."""
    if not stack.own and any(each.service.startswith(OWN) and each.running for each in observed.containers):
        message = "Teal's own proxy still runs, though a Caddy of the stack imports the snippet by now"
        remedy = f"lead users to that Caddy, then: docker compose -p {own_project(stack.project)} down"
        yield warning("", message, remedy)


def refuse_held(observed: Observed, stack: Stack) -> None:
    """Raise ``Refused`` where the proxy, started or made anew now, would find its port held by a plain service."""
    if stack.own:  # it begins without
        return
    for name, held in _held(observed, stack):
        if any(held.meets(each) for each in _wanted(stack)):
            problem = _in_the_way(stack, name, held)
            raise Refused(problem.message, hint=problem.remedy)


def _held(observed: Observed, stack: Stack) -> Iterator[tuple[str, HostPort]]:
    """Yield what plain services hold; a port that is merely a free one of the machine is nobody's."""
    services = services_in(stack.models[Side.PLAIN])
    for container in observed.on(Side.PLAIN, stack.rotating_names):
        if container.running:
            ports = list(map(mapping, sequence(services.get(container.service, {}).get("ports"))))
            fixed = {number(port.get("published")) for port in ports if is_fixed(port)}
            for address, port in sorted(container.published):
                if port in fixed or all(map(is_fixed, ports)):
                    yield container.service, host_port(address, port)


def _wanted(stack: Stack) -> dict[HostPort, int]:
    """Return what the proxy publishes in today's files, with the port inside its container."""
    proxy = services_in(stack.models[Side.PLAIN]).get(stack.proxy, {})
    ports = (port for port in map(mapping, sequence(proxy.get("ports"))) if text(port.get("protocol")) != "udp")
    found = ((text(p.get("host_ip")), number(p.get("published")), number(p.get("target"))) for p in ports)
    return {host_port(address, port): inside for address, port, inside in found if port}


def _in_the_way(stack: Stack, name: str, held: HostPort) -> Problem:
    message = f"the plain {name} publishes {held}, which {stack.proxy} is to publish: two can't have one port"
    other = _line(stack, held).replace(f"{held.port}:", f"${{PROXY_PORT:-{held.port}}}:")
    free = held.port + 1 if held.port < 65535 else held.port - 1
    remedy = (
        f"let {stack.proxy} begin with another port: write `{other}` in its ports, then\n"
        f"  PROXY_PORT={free} teal up {stack.proxy}\n"
        f"  teal deploy && teal up {stack.proxy} --yes\n"
        f"the port changes hands in the second line, with a gap of some seconds: {_HOW}"
    )
    return error(name, message, remedy)


def _in_turn(stack: Stack, name: str, held: HostPort) -> Problem:
    message = f"the plain {name} publishes {held} until its color serves"
    return warning(name, message, f"`teal up {stack.proxy}`, right after the deploy, gives it to the proxy: {_HOW}")


def _line(stack: Stack, held: HostPort) -> str:
    """Return how the proxy publishes *held*, or would: at the port that it listens at."""
    listens = stack.evidence.listens
    known = next((inside for each, inside in _wanted(stack).items() if held.meets(each)), 0)
    return f"{held}:{known or (80 if 80 in listens or not listens else min(listens))}"
