"""What the snippet costs in the proxy."""

import asyncio
from collections.abc import Iterator

from proof import proxy_cost
from proof.bench.row import Row

LIMIT = 1.3


def proxy(times: int) -> Iterator[Row]:
    """Compare CPU time per request with a bare ``reverse_proxy``: the whole snippet, and what each part adds."""
    costs = {cost.name: cost for cost in asyncio.run(proxy_cost.measure(rounds=max(2, times * 2)))}
    bare, whole = costs[proxy_cost.BARE], costs[proxy_cost.WHOLE]
    yield Row(
        "the proxy's CPU time per request, whole snippet",
        f"{whole.microseconds:.0f} µs",
        f"bare reverse_proxy {bare.microseconds:.0f} µs",
        f"{whole.ratio:.2f} x",
        f"<= {LIMIT} x",
        whole.ratio <= LIMIT,
    )
    for cost in costs.values():
        if cost not in (bare, whole):
            saved = f"{whole.microseconds - cost.microseconds:+.0f} µs less"
            yield Row(f"  {cost.name}", f"{cost.microseconds:.0f} µs", saved, f"{cost.ratio:.2f} x")
