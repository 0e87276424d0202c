"""Stands in for fronts that can't be pulled: they read the same labels, variables and files, and pass requests on.

Traefik (docker labels and a file with services), nginx-proxy (VIRTUAL_HOST), caddy-docker-proxy (labels), Kong (declarative
file), Envoy (static clusters). Only what the exam's stacks use of each.
"""

import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

SOCKETS = ("/var/run/docker.sock", "/tmp/docker.sock")
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}
PUT = HOP | {"content-length"}  # of an answer: each is told anew


@dataclass(frozen=True)
class Way:
    """Requests for that host (empty: any) below that path go there."""

    host: str
    path: str
    to: str
    port: int
    strip: bool = False


def run(like: str, words: list[str]) -> None:
    read: Callable[[], list[Way]]
    ports = [int(port) for port in os.environ.get("STANDIN_PORTS", "80").split(",")]
    if like == "kong":
        read = lambda: _kong(Path(os.environ["KONG_DECLARATIVE_CONFIG"]))  # noqa: E731
    elif like == "envoy":
        path = Path(words[words.index("-c") + 1] if "-c" in words else "/etc/envoy/envoy.yaml")
        ports = [_listener(path)]
        read = lambda: _envoy(path)  # noqa: E731
    elif like == "traefik":
        said = [int(port) for word in words for port in re.findall(r"entrypoints\.\w+\.address=.*:(\d+)", word.lower())]
        ports = said or ports
        read = lambda: _labelled(_traefik) + _file(words)  # noqa: E731
    else:
        read = lambda: _labelled(_virtual_host if like == "nginx-proxy" else _caddy)  # noqa: E731
    table = Table(read)
    handler = type("Handler", (Front,), {"table": table})
    for port in ports[1:]:
        threading.Thread(target=ThreadingHTTPServer(("", port), handler).serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", ports[0]), handler).serve_forever()


class Table:
    """The ways, read anew once a second."""

    def __init__(self, read: Callable[[], list[Way]]) -> None:
        self._read, self._at, self._lock = read, 0.0, threading.Lock()
        self._ways: list[Way] = []

    def find(self, host: str, path: str) -> Way | None:
        with self._lock:
            if time.monotonic() - self._at > 1:
                self._ways, self._at = self._read(), time.monotonic()
            fit = [way for way in self._ways if way.host in ("", host) and path.startswith(way.path)]
        return max(fit, key=lambda way: (len(way.path), way.host != ""), default=None)


class Front(BaseHTTPRequestHandler):
    table: Table
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").split(":")[0]
        way = self.table.find(host, self.path)
        if way is None:
            self._say(404, b"no router\n")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = "/" + self.path.removeprefix(way.path).lstrip("/") if way.strip else self.path
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        headers["X-Forwarded-For"] = self.client_address[0]
        headers["X-Forwarded-Proto"] = "http"
        try:
            there = http.client.HTTPConnection(way.to, way.port, timeout=60)
            there.request(self.command, path, body or None, headers)
            answer = there.getresponse()
            self._say(answer.status, answer.read(), [(k, v) for k, v in answer.getheaders() if k.lower() not in PUT])
        except OSError as error:
            self._say(502, f"{way.to}:{way.port}: {error}\n".encode())

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _say(self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers or []:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Engine(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(next(place for place in SOCKETS if Path(place).exists()))


def _engine(path: str) -> Any:
    engine = _Engine("localhost", timeout=10)
    engine.request("GET", path)
    return json.loads(engine.getresponse().read())


def _labelled(read: Callable[[dict[str, str], dict[str, str], int], list[tuple[str, str, int]]]) -> list[Way]:
    """What running containers on a network of this one say, each with its address there."""
    if not any(Path(place).exists() for place in SOCKETS):
        return []
    mine = _networks(_engine(f"/containers/{socket.gethostname()}/json"))
    ways = []
    for one in _engine("/containers/json"):
        container = _engine(f"/containers/{one['Id']}/json")
        addresses = [address for network, address in _networks(container).items() if network in mine and address]
        if not addresses:
            continue
        config = container.get("Config", {})
        variables = dict(line.split("=", 1) for line in config.get("Env") or [] if "=" in line)
        ports = [int(port.split("/")[0]) for port in config.get("ExposedPorts") or {} if port.endswith("/tcp")]
        for host, path, port in read(config.get("Labels") or {}, variables, min(ports, default=80)):
            ways.append(Way(host, path, addresses[0], port))
    return ways


def _networks(container: Any) -> dict[str, str]:
    return {name: one["IPAddress"] for name, one in container.get("NetworkSettings", {}).get("Networks", {}).items()}


def _traefik(labels: dict[str, str], _: dict[str, str], port: int) -> list[tuple[str, str, int]]:
    if labels.get("traefik.enable", "true") != "true":
        return []
    said = [value for name, value in labels.items() if name.endswith("loadbalancer.server.port")]
    found = []
    for name, rule in labels.items():
        if (
            re.fullmatch(r"traefik\.http\.routers\.[\w-]+\.rule", name)
            and labels.get(name[:-4] + "service") != "api@internal"
        ):
            hosts = re.findall(r"Host\(`([^`]+)`\)", rule) or [""]
            paths = re.findall(r"Path(?:Prefix)?\(`([^`]+)`\)", rule) or ["/"]
            found += [(host, path, int(said[0]) if said else port) for host in hosts for path in paths]
    return found


def _virtual_host(_: dict[str, str], variables: dict[str, str], port: int) -> list[tuple[str, str, int]]:
    hosts = [host for host in variables.get("VIRTUAL_HOST", "").split(",") if host]
    return [
        (host.strip(), variables.get("VIRTUAL_PATH", "/"), int(variables.get("VIRTUAL_PORT", port))) for host in hosts
    ]


def _caddy(labels: dict[str, str], _: dict[str, str], port: int) -> list[tuple[str, str, int]]:
    found = []
    for name, host in labels.items():
        if re.fullmatch(r"caddy(_\d+)?", name):
            said = next(
                (value for key, value in labels.items() if key.startswith(name + ".") and "reverse_proxy" in key), ""
            )
            ports = re.findall(r"upstreams\D*(\d+)", said)
            bare = re.sub(r"^https?://|:\d+$", "", host)
            found.append((bare, "/", int(ports[0]) if ports else port))
    return found


def _file(words: list[str]) -> list[Way]:
    """Traefik's file provider: routers and services of a YAML file."""
    path = next((word.split("=", 1)[1] for word in words if "providers.file.filename=" in word.lower()), "")
    if not path:
        return []
    said = yaml.safe_load(Path(path).read_text())["http"]
    ways = []
    for router in said["routers"].values():
        url = said["services"][router["service"]]["loadBalancer"]["servers"][0]["url"]
        to, port = _place(url)
        hosts = re.findall(r"Host\(`([^`]+)`\)", router["rule"]) or [""]
        paths = re.findall(r"PathPrefix\(`([^`]+)`\)", router["rule"]) or ["/"]
        ways += [Way(host, path, to, port) for host in hosts for path in paths]
    return ways


def _place(url: str) -> tuple[str, int]:
    to, _, port = url.split("//", 1)[-1].split("/")[0].partition(":")
    return to, int(port or 80)


def _kong(path: Path) -> list[Way]:
    ways = []
    for service in yaml.safe_load(path.read_text())["services"]:
        to, port = _place(service["url"]) if "url" in service else (service["host"], int(service["port"]))
        for route in service["routes"]:
            for prefix in route.get("paths", ["/"]):
                ways.append(Way("", prefix, to, port, strip=route.get("strip_path", True)))
    return ways


def _listener(path: Path) -> int:
    said = yaml.safe_load(path.read_text())
    return int(said["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"])


def _envoy(path: Path) -> list[Way]:
    said = yaml.safe_load(path.read_text())["static_resources"]
    places = {}
    for cluster in said["clusters"]:
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        address = endpoint["address"]["socket_address"]
        places[cluster["name"]] = (address["address"], int(address["port_value"]))
    chain = said["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return [
        Way("", route["match"]["prefix"], *places[route["route"]["cluster"]])
        for host in chain["route_config"]["virtual_hosts"]
        for route in host["routes"]
    ]
