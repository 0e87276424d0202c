"""The real Docker Engine as the ground of the contract's tests."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from teal.adapters.compose.cli import DockerCompose
from teal.adapters.engine import DockerEngine
from teal.adapters.host import SystemClock
from teal.core.model.side import Side
from teal.core.model.units import Seconds
from tests.contract.ground import IMAGE, PORT, Does, Tree
from tests.engine.sandbox import Sandbox, docker

IDLE = "trap 'exit 0' TERM; echo SERVICE starts; while :; do sleep 0.05; done"
SERVER = f"""
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = http.server.ThreadingHTTPServer(("", {PORT}), http.server.SimpleHTTPRequestHandler)
print("SERVICE starts\\nSERVICE listens", flush=True)
server.serve_forever()
"""
COMMANDS: dict[Does, tuple[str, ...]] = {
    "idles": ("sh", "-c", IDLE),
    "is stubborn": ("sh", "-c", "trap '' TERM; echo SERVICE starts; while :; do sleep 0.05; done"),
    "fails": ("sh", "-c", "echo SERVICE starts; exit 3"),
    "listens": ("python", "-c", SERVER),
    "speaks": ("sh", "-c", "echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three"),
}
CHECK = ("--health-cmd=true", "--health-interval=300ms", "--health-retries=2")


class RealGround:
    """This machine's engine, shared with others: everything that is made here bears a name of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._box = Sandbox()
        self._runner = asyncio.Runner()
        self.stack = self._box.stack
        self.engine = DockerEngine.here(os.environ)
        self.clock = SystemClock()
        self._files = 0

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self._runner.run(test)

    def close(self) -> None:
        self._runner.run(self.engine.close())
        self._runner.close()
        self._box.clean()

    def container(
        self,
        service: str = "web",
        *,
        side: Side = Side.PLAIN,
        does: Does = "idles",
        network: str = "",
        aliases: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        restart: str = "no",
        checked: bool = False,
        image: str = IMAGE,
    ) -> str:
        own = self._box.labels(side, service, **dict(labels or {}))
        places = [f"--network={network}"] if network else []
        places += [f"--network-alias={alias}" for alias in aliases]
        options = ["--label", self._box.mine, *own, *places, f"--restart={restart}", *(CHECK if checked else ())]
        return docker("create", *options, image, *_command(service, does))

    def network(self, name: str, labels: Mapping[str, str] | None = None, *, internal: bool = False) -> str:
        marks = [f"--label={key}={value}" for key, value in (labels or {}).items()]
        return self._box.network(name, *marks, *(["--internal"] if internal else []))

    def remove_network(self, name: str) -> None:
        docker("network", "rm", name)

    def image(self, version: str = "1") -> str:
        one = docker("create", "--label", self._box.mine, IMAGE, "true")
        mark = ("--change", f"LABEL made={self.stack}-{version}")
        return docker("commit", "--pause=false", *mark, one, f"{self.stack}/app:{version}")

    async def resolve(self, asking: str, name: str) -> set[str]:
        ran = await self.engine.execute(asking, ["getent", "ahostsv4", name], within=Seconds(10))
        addresses = {line.split()[0] for line in ran.output.splitlines()} if ran.status == 0 else set()
        return {each.id for each in await self.engine.containers(self.stack) if addresses & {*each.addresses.values()}}

    def compose(self, model: Tree) -> DockerCompose:
        file = self.rendered(model)
        options = ("--project-name", self.stack, "--file", file)
        return DockerCompose(options, cwd=str(self._folder), environ=os.environ)

    def rendered(self, model: Tree) -> str:
        self._files += 1
        file = self._folder / f"{self._files}.json"
        file.write_text(json.dumps(model), encoding="utf-8")
        return str(file)

    def service(self, name: str, does: Does = "idles", **more: Any) -> Tree:
        return {"image": IMAGE, "pull_policy": "never", "command": list(_command(name, does)), **more}

    def edit_source(self, *, builds: bool = True) -> None:
        self._files += 1
        line = f"LABEL source={self.stack}-{self._files}" if builds else "RUN exit 7"
        (self._folder / "Dockerfile").write_text(f"FROM {IMAGE}\n{line}\n", encoding="utf-8")


def _command(service: str, does: Does) -> tuple[str, ...]:
    return tuple(part.replace("SERVICE", service) for part in COMMANDS[does])
