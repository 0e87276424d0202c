"""A checkout with a Compose file of its owner, for tests of the Compose adapter."""

import asyncio
import json
import os

import pytest

from teal.adapters.compose.cli import DockerCompose
from teal.core.model.side import Side
from tests.engine.sandbox import IDLE, IMAGE, docker

OWNERS = f"""
services:
  web:
    image: {IMAGE}
    command: [sleep, "600"]
    environment: {{GREETING: "${{GREETING:-hello}}"}}
    init: true
    depends_on: [db]
  db:
    image: {IMAGE}
    command: [sleep, "600"]
    init: true
    environment: {{LEVEL: "1"}}
  app:
    build: .
    command: [sleep, "600"]
  other:
    build: ./other
"""


class Owner:
    """A checkout with a Compose file, and the adapter over it."""

    def __init__(self, folder, sandbox):
        self.folder, self.sandbox = folder, sandbox
        self.file = folder / "compose.yml"
        self.file.write_text(OWNERS)
        (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo made-here > /made\n")
        self.told: list[str] = []
        self.compose = self.using()

    def using(self, **environ):
        options = ("--project-name", self.sandbox.stack)
        return DockerCompose(options, cwd=str(self.folder), environ={**os.environ, **environ})

    def containers(self, side=Side.PLAIN):
        project = self.sandbox.stack + ("" if side is Side.PLAIN else f"-{side}")
        show = '{{.ID}} {{.Label "com.docker.compose.service"}} {{.State}}'
        rows = docker(
            "ps", "-a", "--no-trunc", "--filter", f"label=com.docker.compose.project={project}", "--format", show
        )
        return {words[1]: (words[0], words[2]) for words in map(str.split, rows.splitlines())}

    def states(self, side=Side.PLAIN):
        return {service: state for service, (_, state) in self.containers(side).items()}

    def rendering(self, services, **more):
        file = self.folder / "rendered.json"
        whole = {"services": services, "networks": {"default": {"name": f"{self.sandbox.stack}-blue_default"}}, **more}
        file.write_text(json.dumps(whole))
        return str(file)


def service(*command, **more):
    return {"image": IMAGE, "pull_policy": "never", "command": list(command or IDLE), **more}


async def said(told, word):
    for _ in range(600):
        if any(word in line for line in told):
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{word} was never said: {told}")
