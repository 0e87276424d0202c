"""Writes a stack of many services from cases: one service for each group of cases and role."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from teal.core.model.release import to_json
from tests.conformance.case import JOB, ONCE, ROLES, ROUTE, SHARED, Case, Tree, merged
from tests.conformance.files import BYTES, DOTENV, FILES, INCLUDED, MODES, OWNERS

SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
CHECK = {"test": ["CMD", "true"], "interval": "30s", "start_period": "20s", "start_interval": "500ms"}
BASE: Tree = {"image": "{image}", "healthcheck": CHECK}


@dataclass(frozen=True, slots=True)
class Place:
    """What the text of a case may speak of."""

    project: str
    image: str
    port: int  # of the proxy
    subnet: str  # three numbers
    platform: str

    def filled(self, value: Any, service: str, at: int) -> Any:
        """Return *value* with the words in braces filled in."""
        if isinstance(value, dict):
            return {self.filled(k, service, at): self.filled(v, service, at) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.filled(each, service, at) for each in value]
        if not isinstance(value, str):
            return value
        known = {
            "project": self.project,
            "image": self.image,
            "subnet": self.subnet,
            "subnet6": f"fd00:c0:{self.subnet.rpartition('.')[2]}",
            "platform": self.platform,
            "outsider": f"{self.project}-outsider",
            "service": service,
            "role": ROLES[at - 1] if at else "",
            "at": str(at),
        }
        return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], found[0]), value)


@dataclass(frozen=True, slots=True)
class One:
    """A service of the stack and the cases that it stands for."""

    name: str
    role: str
    cases: Sequence[Case]
    singleton: bool = False

    @property
    def at(self) -> int:
        return ROLES.index(self.role) + 1

    @property
    def written(self) -> str:
        return "".join(case.written for case in self.cases)


@dataclass(frozen=True, slots=True)
class Plan:
    """A stack: its services, and where it lies."""

    place: Place
    ones: Sequence[One]
    files: dict[str, str] = field(default_factory=dict)

    def service(self, one: One) -> Tree:
        """Return what the file says of a service."""
        made = {**BASE, **merged(one.cases)}
        made = {key: value for key, value in made.items() if not (key in {"image", "healthcheck"} and value is None)}
        return self.place.filled(made, one.name, one.at)

    def compose(self) -> Tree:
        """Return the whole Compose file."""
        place = self.place
        peer = {
            **BASE,
            "container_name": f"{place.project}-peer",
            "ipc": "shareable",
            "volumes": ["peers:/conform/peers"],
        }
        mate = {**BASE, "ipc": "shareable", "volumes": ["./bound:/conform/mates:ro"]}
        found: dict[str, Tree] = {
            "services": {"peer": place.filled(peer, "peer", 0), "mate": place.filled(mate, "mate", 0)}
        }
        found["services"] |= {one.name: self.service(one) for one in self.ones if not one.written}
        found["services"]["nobody"] = {"image": place.image, "profiles": ["never"]}
        found["services"]["proxy"] = self._proxy()
        found["volumes"] = {"peers": None}
        for one in self.ones:
            for case in one.cases:
                for kind, entries in place.filled(dict(case.top), one.name, one.at).items():
                    _put(found.setdefault(kind, {}), entries)
        if any(one.written for one in self.ones):
            included = {"path": "included/stack.yml", "env_file": "included/one.env", "project_directory": "included"}
            found = {"include": [included], **found}
        return {"version": "3.9", "name": place.project, **found}

    def included(self) -> str:
        """Return the text of the file that is included."""
        return INCLUDED + "".join(self.place.filled(one.written, one.name, one.at) for one in self.ones)

    def _proxy(self) -> Tree:
        return {
            "image": "caddy:2.11",
            "ports": [f"127.0.0.1:{self.place.port}:80"],
            "volumes": [
                "./Caddyfile:/etc/caddy/Caddyfile:ro",
                "./teal.caddy:/etc/caddy/teal.caddy:ro",
                "${TEAL_HOME}/${COMPOSE_PROJECT_NAME}/proxy:/etc/teal:ro",
            ],
        }

    def networks(self) -> dict[str, str]:
        """Return the name of each network of the plain stack with its key."""
        told = {"default": None, **self.compose().get("networks", {})}
        names = {key: _name(each or {}) or f"{self.place.project}_{key}" for key, each in told.items()}
        return {name: key for key, name in names.items()}

    def routes(self) -> list[str]:
        return [one.name for one in self.ones if one.role == ROUTE]

    def caddyfile(self) -> str:
        """Return a site with a place for each route."""
        lines = [f"\thandle_path /{name}/* {{\n\t\timport teal {name} 8000\n\t}}\n" for name in self.routes()]
        return "{\n\tauto_https off\n}\n\nimport teal.caddy\n\n:80 {\n" + "".join(lines) + "}\n"

    def teal_yml(self) -> Tree:
        """Return the owner's words to Teal."""
        roles = {one.name: _role(one) for one in self.ones if one.role != ROUTE}
        found: Tree = {
            "services": {"peer": "shared", "mate": "worker", **roles},
            "routes": {name: {"port": 8000, "needs": ["mate"]} for name in self.routes()},
        }
        for one in self.ones:
            for case in one.cases:
                for key, value in self.place.filled(case.teal, one.name, one.at).items():
                    if one.role in {ONCE, SHARED} and key == "ports":
                        continue
                    if isinstance(value, list):
                        found[key] = sorted({*found.get(key, []), *value})
                    else:
                        found[key] = {**found.get(key, {}), **value}
        return found

    def write(self, folder: Path) -> None:
        """Write everything into *folder*."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{image}", self.place.image), encoding="utf-8")
            path.chmod(MODES.get(name, 0o644))
            if name in OWNERS and os.geteuid() == 0:
                os.chown(path, *OWNERS[name])
        for name, data in BYTES.items():
            (folder / name).write_bytes(data)
        (folder / "included" / "stack.yml").write_text(self.place.filled(self.included(), "", 0), encoding="utf-8")
        (folder / ".env").write_text(DOTENV, encoding="utf-8")
        (folder / "compose.yml").write_text(to_json(self.compose()), encoding="utf-8")
        (folder / "teal.yml").write_text(to_json(self.teal_yml()), encoding="utf-8")
        (folder / "Caddyfile").write_text(self.caddyfile(), encoding="utf-8")
        (folder / "teal.caddy").write_text(SNIPPET.read_text(encoding="utf-8"), encoding="utf-8")


def _name(definition: Tree) -> str:
    external = definition.get("external")
    return str(definition.get("name") or (external.get("name", "") if isinstance(external, dict) else ""))


def _role(one: One) -> str:
    return "singleton" if one.singleton else one.role


def _put(into: Tree, entries: Tree) -> None:
    for name, definition in entries.items():
        if name in into and into[name] != definition:
            raise AssertionError(f"two cases define {name} in two ways: {into[name]} and {definition}")
        into[name] = definition


def ones(groups: Iterable[tuple[str, str, Sequence[Case]]]) -> list[One]:
    """Return a service for each (name, role, cases); every other worker is a singleton."""
    found: list[One] = []
    jobs = 0
    for name, role, cases in groups:
        # A singleton is handed over by itself: one without a healthcheck would take 10 s.
        handed = role == JOB and not any("healthcheck" in case.service or case.created for case in cases)
        jobs += handed
        found.append(One(f"{name}-{role}".replace("one-shot", "once"), role, tuple(cases), handed and jobs % 2 == 0))
    return found
