"""Entrances: by which ways people use what rotates, and who stands in front of it."""

from teal.core.model.entrance import Front, Published
from teal.core.model.stack import Evidence, Tree
from teal.core.services.entrances import entrances_of, front_of
from tests.unit.stacks import stack_of

PORT: Tree = {"target": 8000, "published": "80", "protocol": "tcp"}


def test_a_fixed_port_of_the_machine_is_an_entrance_a_free_one_and_udp_are_none() -> None:
    ports = [{**PORT, "host_ip": "127.0.0.1"}, {"target": 8000}, {**PORT, "protocol": "udp"}]
    stack = stack_of({"web": {"image": "app", "ports": ports}}, Evidence())
    assert entrances_of(stack) == (Published("web", 8000, 80, "127.0.0.1"),)


def test_a_caddy_that_imports_the_snippet_is_a_prepared_front() -> None:
    assert front_of(stack_of({"web": {"image": "app"}})) is Front.PREPARED
    assert front_of(stack_of({"web": {"image": "app", "ports": [PORT]}}, Evidence())) is Front.NOBODY
