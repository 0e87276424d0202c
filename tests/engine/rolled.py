"""A stack that Teal rolls: prepared as `teal check` says, and looked at from the engine's side."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack

TEAL = Path(sys.executable).parent / "teal"
LOOK_UP = """
import json, socket, sys
def addresses(name):
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, None, socket.AF_INET)})
    except OSError:
        return []
print(json.dumps({name: addresses(name) for name in sys.argv[1:]}))
"""


@dataclass(frozen=True, slots=True)
class Rolled:
    """The stack and where Teal keeps its state; the stack's ``.env`` says that, too."""

    stack: Stack
    home: Path

    @property
    def state(self) -> Path:
        """Return the file that the proxy reads for each request."""
        return self.home / self.stack.project / "proxy" / "state"

    def serving(self) -> str:
        """Return the side that users are sent to now; without a file they go to the plain names."""
        return self.state.read_text(encoding="ascii").split()[0] if self.state.exists() else "plain"

    def teal(self, *words: str, status: int = 0) -> str:
        """Run ``teal WORDS`` in the stack's folder, return what it printed as result."""
        ended = self.begin(*words)
        out, err = ended.communicate(timeout=120)
        assert ended.returncode == status, f"teal {' '.join(words)}: {ended.returncode}\n{out}\n{err}"
        return out + err if status else out

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start ``teal WORDS`` and go on."""
        launch = partial(subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return launch([TEAL, *words], cwd=self.stack.folder, env=self.stack.environment())

    def json(self, *words: str, status: int = 0) -> dict[str, Any]:
        """Run ``teal WORDS --json`` and return its last object."""
        ended = self.begin(*words, "--json")
        out, err = ended.communicate(timeout=120)
        assert ended.returncode == status, f"teal {' '.join(words)}: {ended.returncode}\n{out}\n{err}"
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def containers(self, side: str = "plain") -> dict[str, dict[str, Any]]:
        """Return what the engine says of each container on *side*, by the name of its service in the owner's files."""
        project = self.stack.project if side == "plain" else f"{self.stack.project}-{side}"
        ids = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}").split()
        found = json.loads(docker("inspect", *ids)) if ids else []
        return {_service(each).removesuffix(f"-{side}"): each for each in found}

    def shared(self, names: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return id and start time of shared containers: neither may change."""
        every = self.containers()
        return {name: (every[name]["Id"], every[name]["State"]["StartedAt"]) for name in names}

    def images(self, side: str, services: Iterable[str]) -> dict[str, str]:
        """Return the image id of each of *services* on *side*."""
        every = self.containers(side)
        return {name: every[name]["Image"] for name in services}

    def environment(self, side: str, services: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the environment of each of *services* on *side*, without what Teal itself says in it."""
        every = self.containers(side)
        return {name: _own(every[name]["Config"]["Env"]) for name in services}

    def names(self, side: str, services: Iterable[str]) -> dict[str, dict[str, list[str]]]:
        """Return what each of *services* on *side* reaches by each name of the stack's, as ``SIDE/SERVICE``."""
        owners = dict(self._owners())
        asked = sorted(set(self.containers()) | set(services) | {f"{self.stack.project}-api"})
        found = {}
        for service in services:
            container = self.containers(side)[service]["Id"]
            answers = json.loads(docker("exec", container, "python", "-c", LOOK_UP, *asked))
            found[service] = {name: sorted({owners[ip] for ip in ips}) for name, ips in answers.items() if ips}
        return found

    def _owners(self) -> Iterable[tuple[str, str]]:
        for side in ("plain", "blue", "green"):
            for service, container in self.containers(side).items():
                for network in container["NetworkSettings"]["Networks"].values():
                    if network["IPAddress"]:
                        yield network["IPAddress"], f"{side}/{service}"

    def leftovers(self) -> list[str]:
        """Return the containers and networks of colors that are still there."""
        pattern = re.compile(rf"{self.stack.project}-(blue|green|once)")
        names = docker("ps", "--all", "--format", "{{.Names}}") + docker("network", "ls", "--format", "{{.Name}}")
        return [name for name in names.split() if pattern.match(name)]

    def remove(self) -> None:
        """Remove everything that the stack and Teal made."""
        if self.home.is_dir():
            self.begin("down", "--volumes", "--yes").communicate(timeout=120)
        reference = f"reference=teal/{self.stack.project}/*"
        remove(docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", reference), "rmi")
        self.stack.remove()


def _service(container: dict[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def _own(environment: Iterable[str]) -> dict[str, str]:
    pairs = (entry.split("=", 1) for entry in environment)
    return {name: value for name, value in pairs if not name.startswith("TEAL_")}


def prepare(rolled: Rolled) -> None:
    """Do by hand what `teal check` tells an owner who wants the stack's own Caddy to switch, and nothing else."""
    wanted = rolled.stack.folder / "teal.yml"
    wanted.write_text("proxy: proxy\n", encoding="utf-8")  # else Teal would bring a proxy of its own
    told = {each["message"]: each["remedy"] for each in rolled.json("check", status=1)["findings"]}
    caddy = rolled.stack.folder / "caddy"
    snippet = _one(told, "does not import Teal's snippet")
    assert "`teal snippet > teal.caddy`" in snippet
    assert "`import teal.caddy` at its top, below the global options" in snippet
    (caddy / "teal.caddy").write_text(rolled.teal("snippet"), encoding="utf-8")
    caddyfile = caddy / "Caddyfile"
    options, end, rest = caddyfile.read_text(encoding="utf-8").partition("\n}\n")
    assert options.startswith("{")
    text = f"{options}{end}import teal.caddy\n{rest}"
    for message, remedy in told.items():
        if passed := re.search(r"passes requests to (\S+) past Teal's snippet", message):
            line = _quoted(remedy)
            text = text.replace(f"reverse_proxy {passed[1]}", line)
    caddyfile.write_text(text, encoding="utf-8")
    _mount(rolled.stack.folder / "compose.yml", _quoted(_one(told, "does not mount Teal's state directory")))
    wanted.unlink()


def _mount(file: Path, line: str) -> None:
    """Add *line* to the proxy's volumes."""
    text = file.read_text(encoding="utf-8")
    before = "      - ./caddy:/etc/caddy:ro\n"
    assert text.count(before) == 1
    file.write_text(text.replace(before, f"{before}      {line}\n"), encoding="utf-8")


def _one(told: dict[str, str], words: str) -> str:
    (found,) = [remedy for message, remedy in told.items() if words in message]
    return found


def _quoted(text: str) -> str:
    found = re.search(r"`([^`]+)`", text)
    assert found, text
    return found[1]


def say(rolled: Rolled, name: str, value: str) -> None:
    """Set a variable in the stack's ``.env``."""
    file = rolled.stack.folder / ".env"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{name}=")]
    file.write_text("\n".join([*kept, f"{name}={value}", ""]), encoding="utf-8")


def roll(stack: Stack) -> Rolled:
    """Return *stack* with a state directory of its own beside it, which its ``.env`` names."""
    rolled = Rolled(stack, stack.folder.parent / "home")
    shutil.rmtree(rolled.home, ignore_errors=True)
    say(rolled, "TEAL_HOME", str(rolled.home))
    return rolled
