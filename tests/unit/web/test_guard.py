"""Who is let in, who may act, and what no answer lacks."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from teal.web.visitors import Front
from tests.unit.web.house import AT, ORIGIN, Page

MARK = "open(r'{}', 'a').write(' '.join(__import__('sys').argv[1:]) + ';')"
PATHS = ("/", "/stack/shop", "/stack/shop/container/shop-web-blue", "/stack/shop/do/deploy", "/login", "/nowhere")


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    return tmp_path / "traces"


def post(browser: TestClient, action: str = "deploy", headers: dict[str, str] = ORIGIN, **form: str) -> int:
    return browser.post(f"/stack/shop/do/{action}", data=form, headers=headers).status_code


def test_a_stranger_is_shown_the_door_and_nothing_of_a_stack() -> None:
    stranger = Page().stranger()
    for path in ("/", "/stack/shop", "/stack/shop/events", "/stack/other", "/stack/shop/container/x"):
        answer = stranger.get(path)
        assert answer.status_code == 401, path
        assert "shop" not in answer.text


def test_the_printed_address_lets_one_browser_in_once() -> None:
    page = Page()
    token = page.doors.book.new_token()
    first = page.stranger().get(f"/login?token={token}")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert page.stranger().get(f"/login?token={token}").status_code == 401
    assert page.stranger().get("/login?token=").status_code == 401
    assert page.browser().get("/stack/shop").status_code == 200


def test_another_token_makes_the_unused_one_worthless() -> None:
    page = Page()
    token = page.doors.book.new_token()
    page.doors.book.new_token()
    assert page.stranger().get(f"/login?token={token}").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7420", "127.0.0.1.evil.example", "", "10.0.0.1:7420"])
def test_a_foreign_host_is_refused(host: str) -> None:
    browser = Page().browser()
    for path in PATHS:
        assert browser.get(path, headers={"host": host}).status_code == 403, path


@pytest.mark.parametrize("host", ["localhost:7420", "[::1]:7420", "127.0.0.1", "LOCALHOST"])
def test_this_machine_is_no_foreign_host(host: str) -> None:
    assert Page().browser().get("/stack/shop", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1:7420.evil.example"},
        {"origin": AT, "host": "evil.example"},
    ],
)
def test_a_form_from_elsewhere_is_refused_and_starts_nothing(headers: dict[str, str], traces: Path) -> None:
    page = Page(program=MARK.format(traces))
    browser = page.browser()
    assert post(browser, headers=headers, token=page.form_token(browser)) == 403
    assert not traces.exists()


def test_a_form_without_its_token_is_refused_and_starts_nothing(traces: Path) -> None:
    page = Page(program=MARK.format(traces))
    one, other = page.browser(), page.browser()
    for form in ({}, {"token": ""}, {"token": "x"}, {"token": page.form_token(other)}):
        assert post(one, **form) == 403, form
    assert not traces.exists()


def test_a_form_of_its_own_starts_the_command(traces: Path) -> None:
    page = Page(program=MARK.format(traces))
    with page.browser() as browser:
        answer = browser.post(
            "/stack/shop/do/rollback", data={"token": page.form_token(browser), "release": "6"}, headers=ORIGIN
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/stack/shop")
        page.app.state.house.watches["shop"].call.process.wait(20)
    assert traces.read_text() == "rollback 6 --json;"


@pytest.mark.parametrize("release", ["6; rm -rf /", "--force", "-1", "six", "٣", "9" * 12])
def test_nothing_but_a_number_becomes_a_word_of_the_command(release: str, traces: Path) -> None:
    page = Page(program=MARK.format(traces))
    with page.browser() as browser:
        assert post(browser, "rollback", token=page.form_token(browser), release=release) == 303
        page.app.state.house.watches["shop"].call.process.wait(20)
    assert traces.read_text() == "rollback --json;"


def test_a_command_that_has_no_button_is_not_called(traces: Path) -> None:
    page = Page(program=MARK.format(traces))
    browser = page.browser()
    for action in ("down", "leave", "migrate", "exec"):
        assert post(browser, action, token=page.form_token(browser)) == 404
    assert not traces.exists()


def test_a_read_only_page_has_no_route_that_acts_and_no_button() -> None:
    page = Page(read_only=True)
    browser = page.browser()
    methods = {method for route in page.app.routes for method in getattr(route, "methods", None) or ()}
    assert methods <= {"GET", "HEAD"}
    for path in (*PATHS, "/static/teal.css", "/stack/shop/events", "/events"):
        assert browser.post(path, headers=ORIGIN).status_code in {404, 405}, path
    shown = browser.get("/stack/shop").text
    assert "read-only" in shown
    assert "<form" not in shown
    assert "/do/" not in shown
    assert browser.get("/stack/shop/do/deploy").status_code == 404


def front() -> Front:
    return Front("remote-user", (ip_network("172.18.0.0/16"),))


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("172.18.0.2", {"remote-user": "ann"}, 200),
        ("172.18.0.2", {}, 401),
        ("172.19.0.2", {"remote-user": "ann"}, 401),
        ("127.0.0.1", {"remote-user": "ann"}, 401),
        ("127.0.0.1", {"remote-user": "ann", "x-forwarded-for": "172.18.0.2"}, 401),
    ],
)
def test_a_header_names_the_user_only_from_where_the_proxy_stands(
    peer: str, headers: dict[str, str], status: int
) -> None:
    assert Page(front=front(), peer=peer).stranger().get("/stack/shop", headers=headers).status_code == status


@pytest.mark.parametrize(("groups", "acts"), [("", False), ("staff", False), ("staff, teal-act", True)])
def test_only_the_acting_group_has_buttons_and_may_press_them(groups: str, acts: bool, traces: Path) -> None:
    page = Page(front=front(), peer="172.18.0.2", program=MARK.format(traces))
    browser, headers = page.stranger(), {"remote-user": "ann", "remote-groups": groups}
    shown = browser.get("/stack/shop", headers=headers).text
    assert ("/do/deploy" in shown) is acts
    visitor = page.doors.book.visitor("172.18.0.2", headers, "")
    assert visitor is not None
    token = page.doors.book.form_token(visitor)
    assert post(browser, headers={**headers, **ORIGIN}, token=token) == (303 if acts else 403)
    if not acts:
        assert not traces.exists()


def test_every_answer_has_the_strict_headers() -> None:
    page = Page()
    asked = [page.browser().get(path) for path in (*PATHS, "/static/teal.css")]
    asked += [page.stranger().get("/"), page.stranger().get("/", headers={"host": "evil.example"})]
    for answer in asked:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
    assert page.browser().get("/stack/shop").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/stack/shop", "/teal/stack/shop"])
def test_below_another_path_it_is_found_whether_the_proxy_strips_it_or_not(path: str) -> None:
    page = Page(root="/teal")
    stranger = page.stranger()
    answer = stranger.get(f"/teal/login?token={page.doors.book.new_token()}")
    assert answer.headers["location"] == "/teal/"
    cookie = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    shown = stranger.get(path, headers=cookie)
    assert shown.status_code == 200
    assert 'href="/teal/static/teal.css"' in shown.text
    assert 'href="/stack' not in shown.text
