"""Gates: a healthcheck of file or image, the owner's probe, a route's port, or staying up."""

import pytest

from teal.core.model.compose import Node
from teal.core.model.stack import Assigned, Health, HttpProbe, ImageFacts, Role, Service, TcpProbe
from teal.core.rendering.service import healthcheck
from teal.core.services.health import health_of, healthy_deadline, recognised

NOTHING = ImageFacts()


@pytest.mark.parametrize(
    ("test", "probe"),
    [
        (["CMD-SHELL", "curl -f http://localhost:3000/health || exit 1"], HttpProbe(3000, "/health")),
        (["CMD", "curl", "-fsS", "http://127.0.0.1/up"], HttpProbe(80, "/up")),
        (["CMD", "wget", "-q", "--spider", "http://0.0.0.0:8080"], HttpProbe(8080, "/")),
        (["CMD-SHELL", "wget -qO- http://localhost:80/ >/dev/null 2>&1"], HttpProbe(80, "/")),
        (["CMD-SHELL", "curl -f http://localhost:$PORT/up"], HttpProbe(4000, "/up")),
        (["CMD-SHELL", "curl -f http://localhost:${PORT}/up?full=1"], HttpProbe(4000, "/up?full=1")),
        (
            ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/ok')"],
            HttpProbe(8000, "/ok"),
        ),
        (["CMD-SHELL", "curl -f http://localhost:${PORT:-9}/up"], HttpProbe(4000, "/up")),
        (["CMD-SHELL", "curl -f http://localhost:${OTHER:-9}/up"], HttpProbe(9, "/up")),
        (["CMD-SHELL", "curl -f http://localhost:$OTHER/up"], None),
        (["CMD-SHELL", "curl -f https://localhost:3000/"], None),
        (["CMD-SHELL", "curl -f http://elsewhere:3000/"], None),
        (["CMD-SHELL", "curl -f -H 'Host: shop' http://localhost:3000/"], None),
        (["CMD-SHELL", "curl -X POST http://localhost:3000/"], None),
        (["CMD-SHELL", "curl -s http://localhost:3000/ | grep ok"], None),
        (["CMD-SHELL", "curl -f http://localhost:3000/ && test -f /ready"], None),
        (["CMD-SHELL", "curl -f http://localhost:1/ && curl -f http://localhost:2/"], None),
        (["CMD-SHELL", "pg_isready"], None),
        (["CMD-SHELL", "echo http://localhost:3000/"], None),
    ],
)
def test_one_plain_get_to_itself_is_recognised_and_nothing_that_does_more(
    test: list[str], probe: HttpProbe | None
) -> None:
    assert recognised(test, {"environment": {"PORT": "4000"}}) == probe


CHECK: Node = {"healthcheck": {"test": ["CMD", "ready"], "interval": "10s", "retries": 3}}


@pytest.mark.parametrize(
    ("service", "port", "facts", "probe", "expected"),
    [
        (CHECK, 0, NOTHING, None, Health("engine")),
        ({}, 0, ImageFacts(healthcheck=("CMD", "ready")), None, Health("engine")),
        ({"healthcheck": {"interval": "5s"}}, 0, ImageFacts(healthcheck=("CMD", "ready")), None, Health("engine")),
        ({"healthcheck": {"disable": True}}, 80, ImageFacts(healthcheck=("CMD", "ready")), None, None),
        ({"healthcheck": {"test": ["NONE"]}}, 80, ImageFacts(healthcheck=("CMD", "ready")), None, None),
        ({}, 80, NOTHING, None, None),
        ({}, 0, NOTHING, None, Health("running")),
        (CHECK, 80, NOTHING, HttpProbe(0, "/up"), Health("probe", HttpProbe(80, "/up"))),
        (CHECK, 80, NOTHING, TcpProbe(0), Health("probe", TcpProbe(80))),
        (CHECK, 80, NOTHING, TcpProbe(9000), Health("probe", TcpProbe(9000))),
    ],
)
def test_the_best_proof_that_is_there_decides(
    service: Node, port: int, facts: ImageFacts, probe: HttpProbe | TcpProbe | None, expected: Health | None
) -> None:
    any_answer_but_an_error = Health("probe", HttpProbe(80, "/", below=500))
    assert health_of(service, port=port, facts=facts, probe=probe) == (expected or any_answer_but_an_error)


def test_waiting_ends_when_the_owners_own_healthcheck_would_say_unhealthy() -> None:
    assert healthy_deadline(CHECK, NOTHING) == 30 + 5
    assert (
        healthy_deadline({"healthcheck": {"start_period": "1m0s", "interval": "5s", "retries": 2}}, NOTHING) == 70 + 5
    )
    assert healthy_deadline({}, ImageFacts(interval=2, retries=4, start_period=1)) == 9 + 2
    assert healthy_deadline({}, NOTHING) == 90 + 5


BY_ENGINE = Health("engine")


def _service(health: Health = BY_ENGINE, waits: float = 30.0) -> Service:
    return Service("web", Assigned(Role.ROUTE, ""), health=health, healthy_deadline=waits)


@pytest.mark.parametrize(
    ("together", "health", "often"),
    [
        (1, Health("engine"), "200ms"),
        (5, Health("engine"), "1000ms"),
        (20, Health("engine"), "4000ms"),
        (1, Health("engine", HttpProbe(80)), "1000ms"),
        (20, Health("engine", HttpProbe(80)), "4000ms"),
        (49, Health("engine"), "9800ms"),
    ],
)
def test_all_probes_of_a_starting_color_are_five_a_second_at_most(together: int, health: Health, often: str) -> None:
    check = healthcheck(CHECK, _service(health), NOTHING, together, (28, 5))
    assert check == {"test": ["CMD", "ready"], "interval": "10s", "retries": 3} | {
        "start_period": "30000ms",
        "start_interval": often,
    }


@pytest.mark.parametrize(
    ("service", "wanted", "engine"),
    [
        ({"healthcheck": {"test": ["CMD", "x"], "start_interval": "2s"}}, _service(), (28, 5)),
        ({"healthcheck": {"disable": True}}, _service(waits=0), (28, 5)),
        (CHECK, _service(), (24, 0)),
        ({"healthcheck": {"test": ["CMD", "x"], "interval": "200ms"}}, _service(), (28, 5)),
        ({}, _service(waits=0), (28, 5)),
    ],
)
def test_a_healthcheck_stays_as_its_owner_wrote_it(service: Node, wanted: Service, engine: tuple[int, int]) -> None:
    assert healthcheck(service, wanted, NOTHING, 1, engine) == service.get("healthcheck", {})
