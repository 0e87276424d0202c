"""A release that speaks more than HTTP: its other port stays with the one container that runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.stack import Stack, copy_stack, free_port, wait_until
from tests.engine.teal import Teal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
SHELL = """import os, socketserver

class Greeting(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(f"SSH-2.0-{os.environ['SAYS']}\\n".encode())

socketserver.ThreadingTCPServer(("", 22), Greeting).serve_forever()
"""
MORE = """services:
  web:
    command: [sh, -c, "python -u shell.py & exec python -u app.py"]
    volumes: ["./shell.py:/app/shell.py:ro"]
    ports: ["127.0.0.1:PORT:22"]
    links: ["proxy:front"]
"""


@dataclass
class Forge:
    """A copy of the stack, its Teal, and the port at which it greets."""

    stack: Stack
    teal: Teal
    port: int

    def greets(self) -> str:
        """Return what whoever comes to the other port is told, "" where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as asked:
                return asked.recv(100).decode().strip()
        except OSError:
            return ""


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """The stack as it runs plainly."""
    folder = tmp_path_factory.mktemp("forge")
    home = folder / "home"
    stack = copy_stack("diary", folder / "stack", TEAL_HOME=str(home))
    port = free_port()
    (stack.folder / "teal.caddy").write_bytes(SNIPPET.read_bytes())
    (stack.folder / "shell.py").write_text(SHELL, encoding="utf-8")
    (stack.folder / "compose.override.yml").write_text(MORE.replace("PORT", str(port)), encoding="utf-8")
    (stack.folder / "data").mkdir()
    teal = Teal(stack.folder, home)
    try:
        stack.compose("up", "--detach", "--wait", "web", "proxy")
        yield Forge(stack, teal, port)
    finally:
        teal.run("down", "--yes")
        stack.remove()


def test_side_by_side_the_port_is_refused_by_its_name_and_what_is_spoken(forge: Forge) -> None:
    (forge.stack.folder / "teal.yml").write_text("strategy: blue-green\nsafe_volumes: [/data]\n", encoding="utf-8")
    error = forge.teal.run("deploy", status=1).error
    (forge.stack.folder / "teal.yml").unlink()
    assert f"web publishes port {forge.port} (SSH), which two colors can't both have" in error["message"]
    assert "`strategy: recreate` in teal.yml" in error["hint"]
    assert forge.greets() == "SSH-2.0-one"


def test_one_at_a_time_each_release_has_it_and_a_rollback_and_leave_give_it_on(forge: Forge) -> None:
    findings = forge.teal.run("check").result["findings"]
    assert any(f"port {forge.port} (SSH), which no proxy can switch" in each["message"] for each in findings)
    for said in ("two", "three"):
        forge.teal.run("deploy", SAYS=said)
        wait_until(lambda said=said: forge.greets() == f"SSH-2.0-{said}", f"greets as {said}")  # type: ignore[misc]
    forge.teal.run("rollback")
    wait_until(lambda: forge.greets() == "SSH-2.0-two", "greets as two again")


def test_a_shared_service_has_its_other_name_in_a_color(forge: Forge) -> None:
    active = forge.teal.status()["active"]
    container = f"{forge.stack.project}-{active}-web-{active}-1"
    asks = "import socket; print(socket.gethostbyname('front') == socket.gethostbyname('proxy'))"
    assert forge.stack.docker("exec", container, "python", "-c", asks).strip() == "True"


def test_leave_gives_the_port_back(forge: Forge) -> None:
    forge.teal.run("leave", "--yes", SAYS="plain")
    wait_until(lambda: forge.greets() == "SSH-2.0-plain", "greets plainly again")
