"""How long a release may take to answer through the proxy, by how the one that it replaces answers now.

A machine that is busy, or a proxy that is, makes any release late: only a release that is
slower than the last one is to blame.
"""

from __future__ import annotations

from teal.core.model.units import Seconds

MOST = 4.0  # times the timeout that a release is given at most
SLOWER = 10.0  # times as long as the other release took


def allowed(timeout: Seconds, took: Seconds | None) -> Seconds:
    """Return for how many seconds the new release may be asked in all.

    *took*: seconds in which the other one has answered just now; None where it didn't answer either.
    """
    most = timeout * MOST
    return Seconds(most if took is None else min(most, max(timeout, took * SLOWER)))
