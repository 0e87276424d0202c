"""Runs hypothesis over a target outside of pytest as well as inside."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.judging import Target, judge

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


def fuzz(target: Target, examples: int, *, always_the_same: bool = False) -> tuple[int, BaseException | None]:
    """Give *target* that many *examples*; return how many it read, and the error of the smallest that failed."""
    ran = 0

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=always_the_same,
        database=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(target.examples)
    def every(example: object) -> None:
        nonlocal ran
        ran += 1
        judge(target, example)

    try:
        every()
    except Exception as error:
        return ran, error
    return ran, None
