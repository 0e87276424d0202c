"""One figure of the table: what was measured, beside what, and whether the limit is met."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = "{:<47} {:>15}   {:<37} {:>10}  {:<12} {}"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, written out; *met* is None where there is no limit."""

    name: str
    measured: str
    against: str = ""
    relation: str = ""
    limit: str = ""
    met: bool | None = None

    @property
    def line(self) -> str:
        """Return the row of the table."""
        verdict = {None: "", True: "met", False: "NOT met"}[self.met]
        return COLUMNS.format(self.name, self.measured, self.against, self.relation, self.limit, verdict).rstrip()


HEAD = COLUMNS.format("", "measured", "compared with", "so", "limit", "").rstrip()


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def seconds(value: float) -> str:
    """Return seconds for people."""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms" if value >= 0.1 else f"{value * 1000:.1f} ms"


def ratio(
    name: str, measured: Sequence[float], against: Sequence[float], *, what: str, limit: float, strict: bool = False
) -> Row:
    """Compare two medians (s) by their ratio, which may be at most (*strict*: must be below) *limit*."""
    mine, other = median(measured), median(against)
    times = mine / other
    met = times < limit if strict else times <= limit
    return Row(
        name, seconds(mine), f"{what} {seconds(other)}", f"{times:.2f} x", f"{'<' if strict else '<='} {limit:g} x", met
    )


def difference(name: str, measured: float, against: float, *, what: str, limit: float) -> Row:
    """Compare two figures (s) by their difference, which may be at most *limit*."""
    more = measured - against
    shown = f"{'-' if more < 0 else '+'}{seconds(abs(more))}"
    return Row(name, seconds(measured), f"{what} {seconds(against)}", shown, f"<= +{seconds(limit)}", more <= limit)


def bound(name: str, measured: float, *, limit: float, against: str = "", strict: bool = False) -> Row:
    """Hold a figure (s) to a fixed limit."""
    met = measured < limit if strict else measured <= limit
    return Row(name, seconds(measured), against, "", f"{'<' if strict else '<='} {seconds(limit)}", met)
