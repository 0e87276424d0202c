"""The page of a real stack in a real browser: what a person sees, and what pressing a button does."""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.engine.browser import ROOT, SCHEMES, WIDTHS, Served, Viewer, demand_fit, heading, picture, playing, served
from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack, wait_until
from tests.engine.teal import Teal

pytestmark = pytest.mark.engine

HOSTILE = '<script>document.title="owned"</script>"><img src=x onerror="window.owned=1">'
OBSERVED = """() => {  // when each step's words appear, in seconds since the epoch
    window.seen = {};
    const look = () => document.querySelectorAll('.steps li').forEach((each) => {
        const said = each.querySelector('.said')?.textContent.trim();
        window.seen[said] ??= Date.now() / 1000;
    });
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
SNIPPET = ROOT / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
WITHIN = 90_000  # milliseconds that a deploy may take here


@dataclass
class Users:
    """People who ask all the time."""

    stack: Stack
    failed: list[str] = field(default_factory=list)
    asked: int = 0

    def __enter__(self) -> Users:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _ask(self) -> None:
        while not self._over.wait(0.02):
            self.asked += 1
            try:
                answer = self.stack.get("/")
                if not answer.is_success:
                    self.failed.append(str(answer.status_code))
            except httpx.TransportError as error:
                self.failed.append(repr(error))


@dataclass
class Watched:
    """A stack with two releases, whose page is served."""

    stack: Stack
    teal: Teal
    served: Served
    viewer: Viewer

    @property
    def path(self) -> str:
        return f"/stack/{self.stack.project}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playing() as found:
        yield found


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Teal]]:
    """The mini stack with one release; its worker writes what would harm a page that believed it."""
    folder = tmp_path_factory.mktemp("page")
    stack = copy_stack("mini", folder / "mini", WEB_REPLICAS="1", GREETING="one")
    shutil.copy(SNIPPET, stack.folder)
    compose = stack.folder / "compose.yml"
    text = compose.read_text(encoding="utf-8")
    changed = text.replace("print('work', flush=True)", "print(open('/says').read(), flush=True)").replace(
        "    stop_grace_period: 1s", '    volumes: ["./says:/says:ro"]\n    stop_grace_period: 1s'
    )
    assert changed.count("/says") == 3
    compose.write_text(changed, encoding="utf-8")
    caddyfile = stack.folder / "Caddyfile"
    caddyfile.write_text(caddyfile.read_text().replace("auto_https off", "auto_https off\n\tmetrics"))
    (stack.folder / "says").write_text(HOSTILE, encoding="utf-8")
    teal = Teal(stack.folder, folder / "home")
    try:
        teal.run("deploy", "--yes")
        yield stack, teal
    finally:
        wait_until(lambda: teal.status()["lock"] is None, "nobody works on it", 90)
        teal.run("down", "--volumes", "--yes")
        reference = f"reference=teal/{stack.project}/*"
        remove(docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", reference), "rmi")


@pytest.fixture(scope="module")
def watched(mini: tuple[Stack, Teal], browser: Browser) -> Iterator[Watched]:
    stack, teal = mini
    with served(teal, "--alone") as page:
        yield Watched(stack, teal, page, Viewer(browser, page))


def greet(stack: Stack, greeting: str, **more: str) -> None:
    """Change the stack, so that a deploy brings another release."""
    file = stack.folder / ".env"
    own = {"GREETING": greeting, **more}
    kept = [each for each in file.read_text().splitlines() if each.partition("=")[0] not in own]
    file.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in own.items())]) + "\n")


def press(page: Page, button: str, sure: str) -> None:
    """Press a button, read what would happen, and press the one that does it."""
    page.get_by_role("link", name=button).click()
    expect(page.get_by_role("heading", name="What will happen")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name=sure).click()


def test_a_deploy_is_watched_from_start_to_done(watched: Watched) -> None:
    greet(watched.stack, "two")
    with (
        watched.viewer.at(watched.path, viewport={"width": 1440, "height": 900}) as page,
        Users(watched.stack) as users,
    ):
        assert heading(page) == "blue serves release 1"
        press(page, "Deploy", "Deploy now")
        expect(page.locator(".steps .now")).to_be_visible(timeout=WITHIN)
        expect(page.locator(".steps").get_by_text("start web on green and wait until healthy")).to_be_visible(
            timeout=WITHIN
        )
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            picture(page, f"deploy-{scheme}")
        assert page.get_by_role("link", name="Deploy").count() == 0
        expect(page.locator("h1")).to_contain_text("green serves release 2", timeout=WITHIN)
        expect(page.locator("#run-2 .state")).to_contain_text("done", timeout=WITHIN)
        expect(page.locator(".stream.green")).to_contain_text("/s", timeout=10_000)
        expect(page.locator(".chart.broad")).to_contain_text("switch", timeout=20_000)
        assert "0 errors" in page.locator(".streams").inner_text()
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            picture(page, f"done-{scheme}")
        expect(page.get_by_role("link", name="Deploy")).to_be_visible()
    assert (users.failed, users.asked > 20) == ([], True)
    assert watched.teal.status()["release"] == 2


def test_each_step_is_on_the_screen_within_a_second_of_the_journal(watched: Watched) -> None:
    greet(watched.stack, "three")
    with watched.viewer.at(watched.path) as page:
        page.evaluate(OBSERVED)
        watched.teal.run("deploy")  # somebody else's terminal
        expect(page.locator("h1")).to_contain_text("release 3", timeout=WITHIN)
        seen = page.evaluate("window.seen")
    told = watched.teal.run("history", "3").result["lines"]
    late = [
        seen[each["text"]] - each["time"] for each in told if each["event"] == "step-began" and each["text"] in seen
    ]
    print("from journal to screen:", " ".join(f"{each:.2f}" for each in sorted(late)))
    assert len(late) >= 4
    assert min(late) > -0.05
    assert statistics.median(late) <= 1.0


def test_the_button_rolls_back(watched: Watched) -> None:
    before = watched.teal.status()
    with watched.viewer.at(watched.path) as page, Users(watched.stack) as users:
        press(page, "Roll back to 2", "Roll back now")
        expect(page.locator("h1")).to_contain_text("serves release 2", timeout=WITHIN)
        expect(page.get_by_role("link", name="Deploy")).to_be_visible(timeout=WITHIN)
    assert users.failed == []
    assert (before["release"], watched.teal.status()["release"]) == (3, 2)


def test_it_moves_by_itself_while_somebody_looks_and_rests_when_nobody_does(watched: Watched) -> None:
    proxy = f"{watched.stack.project}-proxy-1"
    with watched.viewer.at(watched.path) as page:
        expect(page.locator(".stream").first).to_be_visible(timeout=15_000)
        assert "sleep" in docker("top", proxy)
    wait_until(lambda: "sleep" not in docker("top", proxy), "nobody asks the proxy any more", 15)


def test_a_killed_page_leaves_the_deploy_that_it_has_started_alone(mini: tuple[Stack, Teal], browser: Browser) -> None:
    stack, teal = mini
    greet(stack, "four")
    with served(teal, "--alone") as doomed, Users(stack) as users:
        with Viewer(browser, doomed).at(f"/stack/{stack.project}") as page:
            press(page, "Deploy", "Deploy now")
            expect(page.locator(".steps .now")).to_be_visible(timeout=WITHIN)
            doomed.process.send_signal(signal.SIGKILL)
            page.close()
        assert doomed.process.wait(10) == -signal.SIGKILL
        wait_until(lambda: teal.status()["lock"] is None and teal.status()["release"] == 4, "the deploy ends", 90)
    assert users.failed == []


def test_a_failed_deploy_says_first_what_serves_and_why(watched: Watched) -> None:
    file = watched.stack.folder / "app.py"
    sound = file.read_text()
    serving = watched.teal.status()["release"]
    file.write_text("raise SystemExit('no such table: <b>notes</b>')\n")
    greet(watched.stack, "five")
    try:
        with watched.viewer.at(watched.path) as page:
            watched.teal.run("deploy", status=1)
            band = page.locator("#part-run .band.bad")
            expect(band).to_be_visible(timeout=10_000)
            expect(band.locator("h2")).to_contain_text(f"Release {serving} serves.")
            expect(band).to_contain_text("no such table: <b>notes</b>")
            demand_fit(page)
            picture(page, "failed")
    finally:
        file.write_text(sound)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_each_width_and_keeps_nobody_out(watched: Watched, scheme: str) -> None:
    web = f"{watched.stack.project}-blue-web-blue-1"
    paths = {"stack": "", "container": f"/container/{web}", "run": "/run/2", "ahead": "/do/cleanup", "check": "/check"}
    with watched.viewer.at(watched.path, color_scheme=scheme) as page:
        for name, path in paths.items():
            page.goto(watched.served.root + watched.path + path)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                demand_fit(page)
                picture(page, f"{name}-{width}-{scheme}")


def test_what_a_container_wrote_stays_text(watched: Watched) -> None:
    side = watched.teal.status()["active"]
    worker = f"{watched.stack.project}-{side}-worker-{side}-1"
    with watched.viewer.at(f"{watched.path}/container/{worker}") as page:
        expect(page.locator(".log")).to_contain_text(HOSTILE)
        assert page.title().startswith(worker)
        assert page.evaluate("window.owned === undefined")
        assert page.locator("img").count() == 0


def test_the_keyboard_reaches_each_button_and_motion_can_be_off(watched: Watched) -> None:
    with watched.viewer.at(watched.path, reduced_motion="reduce") as page:
        reached = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        assert {"Deploy", "Clean up"} <= reached
        assert any(each.startswith("Roll back to") for each in reached)
        assert page.evaluate("document.getAnimations().length") == 0


def test_without_script_it_shows_what_is_and_loads_anew(watched: Watched) -> None:
    with watched.viewer.at(watched.path, java_script_enabled=False) as page:
        assert re.search(r"serves release \d", heading(page))
        assert 'http-equiv="refresh" content="5"' in page.content()


def test_a_read_only_page_offers_nothing_to_press(mini: tuple[Stack, Teal], browser: Browser) -> None:
    stack, teal = mini
    with served(teal, "--alone", "--read-only", "--no-logs") as page_of_all:
        viewer = Viewer(browser, page_of_all)
        with viewer.at(f"/stack/{stack.project}") as page:
            expect(page.get_by_text("read-only")).to_be_visible()
            assert page.locator("form, button, .button").count() == 0
            demand_fit(page)
            cookies = {each["name"]: each["value"] for each in page.context.cookies()}
        for action in ("deploy", "rollback", "cleanup"):
            url = f"{page_of_all.root}/stack/{stack.project}/do/{action}"
            answer = httpx.post(url, cookies=cookies, headers={"origin": page_of_all.root}, trust_env=False)
            assert answer.status_code in {404, 405}


def test_an_engine_that_is_away_is_said_and_the_journal_is_shown(mini: tuple[Stack, Teal], browser: Browser) -> None:
    stack, teal = mini
    away = Teal(teal.folder, teal.home, {"DOCKER_HOST": f"unix://{teal.home}/nobody.sock"})
    with (
        served(away, "--alone", "--read-only") as page_of_all,
        Viewer(browser, page_of_all).at(f"/stack/{stack.project}") as page,
    ):
        expect(page.locator("#part-notices .band.bad h2")).to_contain_text("be seen")
        expect(page.locator("#run-1")).to_be_visible()
        demand_fit(page)
        picture(page, "away")
