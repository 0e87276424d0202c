"""The measure of the snippet's cost really asks the snippet that ships."""

import asyncio

from proof import proxy_cost


def test_every_variant_answers_and_costs_something() -> None:
    costs = asyncio.run(proxy_cost.measure(rounds=1, requests=proxy_cost.PIECE))
    assert [cost.name for cost in costs] == list(proxy_cost.variants())
    assert all(5 < cost.microseconds < 5000 for cost in costs)
    assert costs[0].ratio == 1


def test_the_variants_are_parts_of_the_snippet() -> None:
    bodies = {name: each.body for name, each in proxy_cost.variants().items()}
    whole = bodies[proxy_cost.WHOLE]
    assert all(word in whole for word in ("@teal_key", "@teal_closed", "@teal_socket", "{teal.again}", "invoke"))
    assert "@teal_else" not in bodies["and choosing the address"]
    assert "{teal.suffix}" in bodies["and choosing the address"]
    assert "{teal.suffix}" not in bodies["reading the state"]
    assert "{file." in bodies["reading the state"]
