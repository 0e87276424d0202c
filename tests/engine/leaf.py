"""The single-page application of the tests, and browsers that use it while it is deployed.

``python -m tests.engine.leaf N`` deploys it N times with and without ``pages``, and prints what 50 browsers met.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import Teal

SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
STAYS = 3.0  # seconds for which a browser stays on a page, at most


@dataclass
class Met:
    """What browsers met: what they asked for, and what was wrong with it."""

    asked: int = 0
    pages: int = 0
    wrong: Counter[str] = field(default_factory=Counter)


@dataclass
class Leaf:
    """A copy of the stack and its Teal; each release has a chunk of its own."""

    stack: Stack
    teal: Teal
    made: int = 0

    def chunk(self, release: int) -> str:
        """Return the name of the chunk of a release."""
        return f"lazy-{hashlib.sha256(str(release).encode()).hexdigest()[:8]}.js"

    def make(self) -> int:
        """Write the files of the next release; return its number."""
        self.made += 1
        dist = self.stack.folder / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        (dist / "assets").mkdir(parents=True)
        (dist / "release").write_text(str(self.made), encoding="utf-8")
        chunk = self.chunk(self.made)
        page = f'<!doctype html><html data-release="{self.made}"><script src="/assets/{chunk}"></script></html>'
        (dist / "index.html").write_text(page, encoding="utf-8")
        (dist / "assets" / chunk).write_text(f"// lazy of {self.made}\n", encoding="utf-8")
        return self.made

    def said(self, text: str) -> None:
        """Write teal.yml."""
        (self.stack.folder / "teal.yml").write_text(text, encoding="utf-8")

    @contextmanager
    def browsers(self, many: int) -> Iterator[Met]:
        """Let *many* browsers use the application while the block runs."""
        met, over = Met(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._crowd(many, met, over)))
        thread.start()
        try:
            yield met
        finally:
            over.set()
            thread.join(60)

    async def _crowd(self, many: int, met: Met, over: threading.Event) -> None:
        await asyncio.gather(*(self._browser(number, met, over) for number in range(many)))

    async def _browser(self, number: int, met: Met, over: threading.Event) -> None:
        """Open a page, and use it for a while: its chunk when it is needed, and the interface as it knows it."""
        chance = random.Random(number)
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.stack.url, cookie_jar=jar) as session:
            while not over.is_set():
                headers = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
                async with session.get("/", headers=headers) as got:
                    page = await got.text()
                found = re.search(r'data-release="(\d+)"', page)
                if found is None:
                    met.wrong[f"no page: {got.status}"] += 1
                    continue
                met.pages += 1
                await self._use(session, int(found[1]), chance, met, over)

    async def _use(
        self, session: aiohttp.ClientSession, release: int, chance: random.Random, met: Met, over: threading.Event
    ) -> None:
        end = time.monotonic() + chance.uniform(0.3, STAYS)
        while time.monotonic() < end and not over.is_set():
            await asyncio.sleep(chance.uniform(0.05, 0.2))
            met.asked += 1
            if chance.random() < 0.5:
                async with session.get(f"/assets/{self.chunk(release)}", headers={"Sec-Fetch-Mode": "no-cors"}) as got:
                    text = await got.text()
                if text != f"// lazy of {release}\n" or "javascript" not in got.headers["Content-Type"]:
                    met.wrong["chunk"] += 1
            else:
                async with session.get("/api", headers={"Sec-Fetch-Mode": "cors"}) as got:
                    answer = await got.json(content_type=None) if got.status == 200 else {}
                if f"name{release}" not in answer:
                    met.wrong["interface"] += 1


@contextmanager
def opened_leaf(folder: Path) -> Iterator[Leaf]:
    """Yield a copy of the stack below *folder*, its first release made and deployed; remove all of it at the end."""
    home = folder / "home"
    stack = copy_stack("leaf", folder / "stack", TEAL_HOME=str(home))
    leaf = Leaf(stack, Teal(stack.folder, home))
    shutil.copy(SNIPPET, stack.folder)
    leaf.make()
    try:
        leaf.teal.run("deploy")
        yield leaf
    finally:
        leaf.said("")
        leaf.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")


def main(deploys: int) -> int:
    """Deploy with and without, and print."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="teal-leaf-") as folder, opened_leaf(Path(folder)) as leaf:
        for text, name in (("pages: 5s\n", "with pages: 5s"), ("", "without")):
            leaf.said(text)
            leaf.make()
            leaf.teal.run("deploy")  # so that pages bear a number, or none
            time.sleep(STAYS)
            with leaf.browsers(50) as met:
                for _ in range(deploys):
                    leaf.make()
                    leaf.teal.run("deploy")
                time.sleep(STAYS)
            wrong = met.wrong.total()
            print(
                f"{name}: {deploys} deploys, {met.pages} pages, {met.asked} requests, {wrong} wrong {dict(met.wrong)}"
            )
            failed |= bool(wrong) == bool(text)
    return failed


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
