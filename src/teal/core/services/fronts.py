"""Which services of a stack stand in front of others, which of them stay, and which are part of the release.

1. A front that only passes requests on stays: nginx, HAProxy, Envoy and the like with a mounted configuration, what
   reads labels, a proxy manager, a tunnel.
2. One that the stack builds, of nginx and the like, is part of the release, unless it ends TLS: its ports can't be
   switched then, so it stays. A Caddy that is built stays, unless it brings pages with it.
3. One that speaks FastCGI or uWSGI with what rotates must rotate with it: no HTTP proxy can stand between the two.
4. A web server that calls nobody, and is given pages, is itself the application.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from teal.core.model.built import Made
from teal.core.model.compose import Node, mapping, networks_of, sequence, services_in, text, unescaped
from teal.core.model.proxy_config import Call
from teal.core.model.stack import Evidence
from teal.core.services import known_images
from teal.core.services.jobs import runs_once
from teal.core.services.labels import told
from teal.core.services.ports import held
from teal.core.services.stores import known_store

_ELSEWHERE = frozenset({"proxy manager", "tunnel"})  # their list of sites is mostly no file of the stack
_ALWAYS_STAY = _ELSEWHERE | {"labels"}
_PAGES = re.compile(
    r"/usr/share/nginx|/usr/local/apache2/htdocs|/var/www|/srv(?:/|$)|/usr/share/caddy|/html(?:/|$)|/public(?:/|$)|/dist(?:/|$)|/site(?:/|$)|/www(?:/|$)"
)
_SECRETS = re.compile(r"letsencrypt|certs?(?:/|$)|/ssl(?:/|$)|certificates|acme")
NOT_HTTP = frozenset({"fastcgi", "uwsgi"})


def fronts_of(model: Node, evidence: Evidence) -> Fronts:
    """Return the fronts of the stack that *model* is."""
    services = services_in(model)
    kept = {name for name, each in services.items() if known_store(each, evidence.built.get(name))}
    return Fronts(model, evidence, frozenset(kept))


class Fronts:
    """The fronts of a stack, read once; *stores* are the services that keep data, and never rotate."""

    def __init__(self, model: Node, evidence: Evidence, stores: frozenset[str]) -> None:
        self.services = services_in(model)
        self.made: Mapping[str, Made] = evidence.built
        self.calls = evidence.calls
        self._stores, self._read = stores, evidence.read
        self.software = {name: kind for name, each in self.services.items() if (kind := self._software(name, each))}
        self.stays = {name: why for name in self.software if (why := self._why_it_stays(name))}
        self.released = {
            name: why for name in self.software if name not in self.stays and (why := self._why_it_rolls(name))
        }
        self.serves: dict[str, Call] = {}  # what a front that stays passes requests to over HTTP: the first call
        for call in self.calls:
            if call.by in self.stays and call.how == "http" and call.to not in self.stays:
                self.serves.setdefault(call.to, call)

    def image_of(self, name: str) -> str:
        """Return the image that the service *name* runs, or that its own begins from."""
        made = self.made.get(name)
        return made.image if made else text(self.services[name].get("image"))

    def reads(self, kind: str) -> str:
        """Return the front that reads labels or variables of *kind*, "" where none of the stack does."""
        for name in self.stays:
            if known_images.READERS.get(known_images.parts_of(self.image_of(name))[1]) == kind:
                return name
        return ""

    def blind(self) -> tuple[str, ...]:
        """Return the fronts that stay of which no file tells whom they call."""
        seen = {call.by for call in self.calls if call.to not in self._stores}
        reading = {self.reads(each.kind) for service in self.services.values() for each in told(service)}
        silent = (name for name in self.stays if name not in seen and name not in reading)
        return tuple(name for name in silent if self._is_blind(name))

    def _is_blind(self, name: str) -> bool:
        return self.software[name] in _ELSEWHERE or (self.software[name] != "labels" and name not in self._read)

    def meet(self, one: str, other: str) -> tuple[str, ...]:
        """Return the networks that two services are both on, by key."""
        theirs = networks_of(self.services[other])
        return tuple(key for key in networks_of(self.services[one]) if key in theirs)

    def _software(self, name: str, service: Node) -> str:
        if runs_once(name, service):  # a job that has a front's image for its tools
            return ""
        built = bool(service.get("build"))
        return known_images.software(self.image_of(name)) if self.made.get(name) or not built else ""

    def _why_it_stays(self, name: str) -> str:
        kind, service = self.software[name], self.services[name]
        shown = known_images.parts_of(self.image_of(name))[1]
        if kind in _ALWAYS_STAY:
            return f"{shown} leads users in"
        if self._speaks_otherwise(name):
            return ""
        if not service.get("build"):
            return "" if self._is_the_application(name) else f"{shown} leads users in"
        if kind == "caddy" and not brings_pages(self.made.get(name) or Made()):
            return "a Caddy that is built here, and only passes requests on"
        return f"{shown}, built here, ends TLS" if _ends_tls(service) else ""

    def _why_it_rolls(self, name: str) -> str:
        other = self._speaks_otherwise(name)
        if other:
            spoken = "FastCGI" if other.how == "fastcgi" else "uWSGI"
            return f"it speaks {spoken} with {other.to}, which no HTTP proxy can switch"
        return (
            "a proxy that is built with the release"
            if self.services[name].get("build")
            else "it serves pages of the project"
        )

    def _speaks_otherwise(self, name: str) -> Call | None:
        return next((c for c in self.calls if c.by == name and c.how in NOT_HTTP and c.to not in self._stores), None)

    def _is_the_application(self, name: str) -> bool:
        """Tell whether it calls nobody, is given pages, and nothing else of the stack is reached from outside."""
        if self.software[name] not in {"nginx", "httpd", "caddy"} or any(call.by == name for call in self.calls):
            return False
        others = (other for other in self.services if other not in {name, *self._stores} and other not in self.software)
        if any(
            held(self.services[other]) or told(self.services[other]) or self.services[other].get("expose")
            for other in others
        ):
            return False
        binds = (
            volume
            for volume in map(mapping, sequence(self.services[name].get("volumes")))
            if volume.get("type") == "bind"
        )
        return not _ends_tls(self.services[name]) and any(
            _PAGES.search(unescaped(bind.get("target"))) for bind in binds
        )


def brings_pages(made: Made) -> bool:
    """Tell whether an image that begins from Caddy brings more than a Caddy and its configuration."""
    targets = [each.target or "" for each in made.copied]
    return any(not _is_caddys_own(target) for target in (*targets, *made.gathered))


def _ends_tls(service: Node) -> bool:
    volumes = (unescaped(mapping(volume).get("target")) for volume in sequence(service.get("volumes")))
    return any(port.other == "TLS" for port in held(service)) or any(_SECRETS.search(target) for target in volumes)


def _is_caddys_own(target: str) -> bool:
    return target.startswith(("/etc/caddy", "/usr/bin/caddy", "/usr/local/bin/caddy", "/config")) or target.endswith(
        ("Caddyfile", "/caddy")
    )
