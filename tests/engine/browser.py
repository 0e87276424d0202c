"""The page of a stack in a real browser: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.engine.stack import wait_until
from tests.engine.teal import TEAL, Teal

ROOT = Path(__file__).parents[2]
WIDTHS = (360, 768, 1440)
SCHEMES = ("light", "dark")
PICTURES = Path(os.environ.get("TEAL_PICTURES") or ROOT / ".pictures")  # kept after the tests


def chromium() -> str:
    """Return where the browser is; it is installed where there is none."""
    script = ROOT / "scripts" / "browser.sh"
    return subprocess.run([script], check=True, capture_output=True, text=True, timeout=600).stdout.strip()


@dataclass
class Served:
    """A page that is served, as a process of its own."""

    process: subprocess.Popen[str]
    address: str = ""
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        wait_until(lambda: bool(self.said) or self.process.poll() is not None, "the page says where it is", 60)
        assert self.said, self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(json.loads(line)["address"])

    @property
    def root(self) -> str:
        """Return the address without what lets a browser in."""
        return self.said[0].partition("/login")[0]

    def another(self) -> str:
        """Return an address that lets one more browser in."""
        before = len(self.said)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.said) > before, "the page prints another address")
        return self.said[-1]


@contextmanager
def served(teal: Teal, *words: str) -> Iterator[Served]:
    """Serve the page of *teal*'s stack."""
    process = subprocess.Popen(
        [str(TEAL), "--json", "dashboard", "--port", "0", *words],
        cwd=teal.folder,
        env=teal.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(process)
    finally:
        if process.poll() is None:
            process.terminate()
            assert process.wait(10) == 0


@dataclass
class Viewer:
    """A person with a browser that was let in."""

    browser: Browser
    served: Served
    state: Any = None

    def __post_init__(self) -> None:
        context = self.browser.new_context()
        context.new_page().goto(self.served.another())
        self.state = context.storage_state()
        context.close()

    @contextmanager
    def at(self, path: str, **options: Any) -> Iterator[Page]:
        """Look at *path*."""
        context: BrowserContext = self.browser.new_context(storage_state=self.state, **options)
        try:
            page = context.new_page()
            faults: list[str] = []
            page.on("console", lambda each: faults.append(each.text) if each.type == "error" else None)
            page.on("pageerror", lambda each: faults.append(str(each)))
            page.goto(self.served.root + path)
            yield page
            assert not faults, faults
        finally:
            context.close()


def heading(page: Page) -> str:
    """Return the first words of the page."""
    return re.sub(r"\s+", " ", page.locator("h1").first.inner_text()).strip()


def demand_fit(page: Page) -> None:
    """Fail where the page is wider than its window, or somebody is kept out of it."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url}: {wide} px too wide"
    found = Axe().run(page).response["violations"]
    grave = [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
    assert not grave, f"{page.url}: {grave}"


_NAMED = r"""() => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        walk.currentNode.nodeValue = walk.currentNode.nodeValue.replace(/teal-test-\d+-\w+/g, 'shop');
    }
}"""


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page as it is; the stack of the tests, whose name has a number in it, is called shop."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.evaluate(_NAMED)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@contextmanager
def playing() -> Iterator[Browser]:
    """Start the browser."""
    play: Playwright
    with sync_playwright() as play:
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = play.chromium.launch(executable_path=chromium(), args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


def now() -> float:
    """Return the moment as the journal has it."""
    return time.time()
