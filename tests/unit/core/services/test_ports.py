"""Ports: what their numbers tell, which a service publishes, and which no HTTP proxy can switch."""

from __future__ import annotations

from teal.core.model.compose import Node
from teal.core.services.ports import best, held, published, spoken_at, unswitched

WEB: Node = {"target": 8000, "published": "80", "protocol": "tcp"}
SSH: Node = {"target": 22, "published": "2222", "host_ip": "127.0.0.1"}
FREE: Node = {"target": 9000}
UDP: Node = {"target": 7359, "published": "7359", "protocol": "udp"}
RANGE: Node = {"target": 3000, "published": "8100-8102"}
TLS: Node = {"target": 8000, "published": "443"}


def test_a_usual_port_beats_another_and_a_known_other_is_none() -> None:
    assert best([22, 3000]) == 3000
    assert best([9901, 8080]) == 8080
    assert best([7777, 9999]) == 7777
    assert best([22, 25, 5432]) == 0
    assert spoken_at(8443) == "TLS"


def test_what_is_published_is_told_by_its_place() -> None:
    service: Node = {"ports": [WEB, SSH, FREE, UDP, RANGE]}
    assert [(port.target, port.published) for port in held(service)] == [
        (8000, (80,)),
        (22, (2222,)),
        (3000, (8100, 8101, 8102)),
    ]
    assert [port.places for port in published(service)] == ["80", "2222", "", "7359/udp", "8100-8102"]


def test_udp_another_protocol_and_tls_at_fixed_places_can_not_be_switched() -> None:
    found = list(unswitched({"ports": [WEB, SSH, FREE, UDP, RANGE, TLS]}))
    assert [port.other for _, port in found] == ["SSH", "UDP", "TLS"]
    assert [node for node, _ in found] == [SSH, UDP, TLS]
