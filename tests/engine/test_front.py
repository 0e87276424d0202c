"""A stack that begins without a proxy gets one, is adopted, and has nginx before it at the end.

One stack, in the order of the file: each test takes up where the one before has left it.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.stack import Stack, copy_stack, free_port, wait_until
from tests.engine.teal import TEAL, Ended, Teal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
PROXY = """
  proxy:
    image: caddy:2.11
    restart: unless-stopped
    ports: [PORTS]
    volumes:
      - ./Caddyfile:/etc/caddy/Caddyfile:ro
      - ./teal.caddy:/etc/caddy/teal.caddy:ro
      - ${TEAL_HOME:-/var/lib/teal}/${COMPOSE_PROJECT_NAME:-front}/proxy:/etc/teal:ro
"""
BESIDE = '"127.0.0.1:${PROXY_PORT:-HELD}:80"'
NGINX = """
  nginx:
    image: nginx:1.28
    restart: unless-stopped
    ports: ["127.0.0.1:HELD:443"]
    command:
      - sh
      - -c
      - openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=localhost -keyout /key -out /certificate &&
        exec nginx -g 'daemon off;'
    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]
"""
NGINX_CONF = """
server {
	listen 443 ssl;
	ssl_certificate /certificate;
	ssl_certificate_key /key;
	resolver 127.0.0.11 valid=5s;
	set $teal http://proxy:80;
	location / {
		proxy_pass $teal;
		proxy_http_version 1.1;
		proxy_set_header Host $host;
		proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		proxy_set_header X-Forwarded-Proto $scheme;
	}
}
"""
TRUSTING = "{\n\tservers {\n\t\ttrusted_proxies static private_ranges\n\t}\n}\n"


class Front:
    """The stack, its Teal, and what its owner writes."""

    def __init__(self, stack: Stack, teal: Teal) -> None:
        self.stack, self.teal = stack, teal
        self.held = int(stack.url.rpartition(":")[2])
        self.web = (stack.folder / "compose.yml").read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        (self.stack.folder / name).write_text(text.replace("HELD", str(self.held)), encoding="utf-8")

    def findings(self, level: str, *, status: int = 0) -> list[dict[str, Any]]:
        found = self.teal.run("check", status=status).result["findings"]
        return [each for each in found if each["level"] == level]

    @contextmanager
    def gap(self) -> Iterator[list[float]]:
        """Ask all the time, as users do; afterwards the list holds for how many seconds nobody was answered."""
        failed, over, lasted = list[float](), threading.Event(), list[float]()

        def ask() -> None:
            while not over.is_set():
                began = time.monotonic()
                try:
                    httpx.get(self.stack.url, timeout=1, trust_env=False).raise_for_status()
                except httpx.HTTPError:
                    failed.append(began)
                time.sleep(0.05)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            yield lasted
        finally:
            wait_until(lambda: self.stack.answers("/"), "users are answered again")
            over.set()
            asking.join()
            lasted.append(failed[-1] - failed[0] if failed else 0.0)

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Hold an event stream open."""
        with httpx.stream("GET", f"{self.stack.url}/events", timeout=30, trust_env=False) as stream:
            pieces = stream.iter_raw()  # closed with its connection, once nobody holds it any more
            next(pieces)
            yield
            pieces.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    home = folder / "home"
    stack = copy_stack("front", folder / "stack", TEAL_HOME=str(home))
    (stack.folder / "teal.caddy").write_bytes(SNIPPET.read_bytes())
    made = Front(stack, Teal(stack.folder, home))
    made.write("Caddyfile", "import teal.caddy\n:80 {\n\timport teal web 8000\n}\n")
    try:
        stack.compose("up", "--detach", "--wait")
        yield made
    finally:
        made.teal.run("down", "--yes")
        stack.remove()


def refused(ended: Ended) -> tuple[str, str]:
    return ended.error["message"], ended.error["hint"]


def test_a_port_that_the_plain_service_holds_is_told_with_the_way_and_the_way_works(front: Front) -> None:
    front.write("compose.yml", front.web + PROXY.replace("PORTS", BESIDE))
    front.write("teal.yml", "ports: {web: route}\n")
    (found,) = front.findings("error", status=1)
    assert (
        found["message"]
        == f"the plain web publishes 127.0.0.1:{front.held}, which proxy is to publish: two can't have one port"
    )
    for words in (("deploy",), ("up", "proxy", "--yes")):
        assert refused(front.teal.run(*words, status=1)) == (found["message"], found["remedy"])
    assert front.stack.answers("/")
    other = str(free_port())
    first, second = (line.strip() for line in found["remedy"].splitlines() if line.startswith("  "))
    assert first.endswith(" teal up proxy")
    assert second == "teal deploy && teal up proxy --yes"
    front.teal.run("up", "proxy", PROXY_PORT=other)
    (warned,) = (each for each in front.findings("warning") if each["where"] == "web")
    assert "until its color serves" in warned["message"]
    with front.gap() as gap:
        front.teal.run("deploy")
        front.teal.run("up", "proxy", "--yes")
    assert front.stack.get("/").text.startswith("blue")
    assert gap[0] < 15, gap


def test_a_port_that_nobody_would_publish_any_more_is_told(front: Front) -> None:
    """Back to the beginning: plain, and a proxy at another port for good."""
    front.teal.run("down", "--yes")
    front.write("compose.yml", front.web)
    front.stack.compose("up", "--detach", "--wait", "web")
    front.write("compose.yml", front.web + PROXY.replace("PORTS", f'"127.0.0.1:{free_port()}:80"'))
    (found,) = front.findings("error", status=1)
    assert found["message"].startswith(f"nothing publishes 127.0.0.1:{front.held} once web is in a color")
    assert f"`127.0.0.1:{front.held}:80`" in found["remedy"]
    (reminded,) = (each for each in front.findings("note", status=1) if "trusted_proxies" in each["remedy"])
    assert reminded["message"].startswith("only this machine reaches it")
    assert refused(front.teal.run("deploy", status=1)) == (found["message"], found["remedy"])
    front.write("teal.yml", "ports: {web: drop}\n")
    (warned,) = (each for each in front.findings("warning") if each["where"] == "web")
    assert warned["message"].startswith(f"nothing publishes 127.0.0.1:{front.held} once web is in a color")


def test_where_the_mounts_of_the_proxy_have_changed_one_remedy_is_named_and_it_works(front: Front) -> None:
    """The port goes to the proxy; then it gets a file more, as in the first preparation."""
    front.stack.compose("rm", "--stop", "--force", "web")
    web = front.web.replace('"127.0.0.1:${FRONT_PORT:-8093}:8000"', "")
    front.write("compose.yml", web + PROXY.replace("PORTS", BESIDE))
    (front.stack.folder / "teal.yml").unlink()
    front.teal.run("deploy")
    assert front.stack.get("/").text.startswith("blue")
    front.write("more.caddy", "header X-More yes\n")
    front.write("Caddyfile", "import teal.caddy\n:80 {\n\timport more.caddy\n\timport teal web 8000\n}\n")
    text = (front.stack.folder / "compose.yml").read_text(encoding="utf-8")
    front.write("compose.yml", f"{text}      - ./more.caddy:/etc/caddy/more.caddy:ro\n")
    (found,) = front.findings("warning")
    assert found["message"].startswith(
        "its definition has changed since it was started; a restart alone would keep the old"
    )
    assert "File to import not found: more.caddy" in found["message"]
    assert "{" not in found["message"]
    assert found["remedy"] == "`teal up proxy` applies it, with a restart"
    message, hint = refused(front.teal.run("restart", "proxy", status=1))
    assert message.startswith("proxy would not start again: ")
    assert "`teal up proxy`" in hint
    assert front.stack.answers("/")
    with front.gap() as gap, front.streaming():
        front.teal.run("up", "proxy", "--yes")
    assert gap[0] < 8, "Docker alone waits 10 s for the stream"
    assert front.stack.get("/").headers["X-More"] == "yes"
    assert not front.findings("warning")


def test_a_restart_of_the_proxy_waits_for_no_stream_and_says_what_is_in_flight(front: Front) -> None:
    words, environment = [TEAL, "restart", "proxy"], front.teal.environment()
    with front.gap() as gap, front.streaming():
        said = subprocess.run(
            words, cwd=front.stack.folder, env=environment, capture_output=True, text=True, check=True
        )
    assert "in flight now, cut unless they end within 1 s" in said.stderr
    assert gap[0] < 8, "Docker alone waits 10 s for the stream"


def test_behind_nginx_the_application_is_told_of_https_once_the_line_that_check_names_is_there(front: Front) -> None:
    beside = BESIDE.replace("HELD", str(front.held))
    text = (front.stack.folder / "compose.yml").read_text(encoding="utf-8").replace(f"[{beside}]", "[]")
    front.write("compose.yml", text + NGINX)
    front.write("nginx.conf", NGINX_CONF)
    front.teal.run("up", "proxy", "--yes")
    front.teal.run("up", "nginx")

    def told() -> str:
        return httpx.get(f"https://127.0.0.1:{front.held}/", verify=False, timeout=10, trust_env=False).text.strip()

    wait_until(lambda: _answered(told), "nginx answers")
    assert told() == "blue http"
    (found,) = front.findings("warning")
    assert found["message"].startswith("something else stands in front of it (it publishes no port)")
    lines = [line.removeprefix("  ") for line in found["remedy"].splitlines() if line.startswith("  ")]
    assert "\n".join(lines) + "\n" == TRUSTING
    caddyfile = front.stack.folder / "Caddyfile"
    front.write("Caddyfile", "\n".join(lines) + "\n" + caddyfile.read_text(encoding="utf-8"))
    front.stack.compose("exec", "proxy", "caddy", "reload", "--config", "/etc/caddy/Caddyfile")
    assert told() == "blue https"
    assert not front.findings("warning")
    front.teal.run("deploy", "--force")
    front.teal.run("restart", "proxy")
    wait_until(lambda: _answered(told), "nginx finds the proxy at its new address")
    assert told() == "green https"


def _answered(told: Any) -> bool:
    try:
        return " http" in told()
    except httpx.HTTPError:
        return False
