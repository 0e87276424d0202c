"""What status says of a stack as it stands, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.planning.rollback import Kept, way_back
from teal.core.status import Return, coming_back, misread, same_release, standing_of, troubles, worst
from tests.unit.worlds import BLUE_7, EMPTY, IMAGES, PLAIN_APP, PLAINLY, SHARED, STACK, color, container, release

MEASURED = ({"build": 9.0}, {"create": 0.5, "start": 2.0}, {"start": 70.0})
SICK = replace(SHARED[0], health="unhealthy", unwell="status 1: no answer")
NO_CONTAINERS = replace(BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7)))


def kept(observed: Observed) -> Kept:
    found = way_back(observed)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(
            replace(BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7), *color(Side.GREEN, 6))),
            Return("kept", 0.5),
            id="it still runs",
        ),
        pytest.param(BLUE_7, Return("stopped", 2.0), id="it still stands"),
        pytest.param(NO_CONTAINERS, Return("re-created", 2.5), id="only its images are there"),
        pytest.param(
            replace(NO_CONTAINERS, images=frozenset(IMAGES.values()) - {"sha256:api", "sha256:queue"}),
            Return("gone", None, "the image of api, queue was removed from the engine"),
            id="an image is gone",
        ),
        pytest.param(
            replace(BLUE_7, past=replace(BLUE_7.past, failed={6: "green/web is unhealthy"})),
            Return("failed", None, "green/web is unhealthy"),
            id="it failed to come back before",
        ),
    ],
)
def test_a_release_comes_back_by_the_quickest_way_in_the_time_that_was_last_measured(
    observed: Observed, expected: Return
) -> None:
    measured = () if expected.way == "gone" else MEASURED
    assert coming_back(observed, kept(observed), measured) == expected


def test_nobody_guesses_how_long_a_start_takes_that_was_never_measured() -> None:
    assert coming_back(BLUE_7, kept(BLUE_7), ({"build": 9.0},)) == Return("stopped", None)


def test_of_replicas_the_one_that_fares_worst_is_shown() -> None:
    healthy = container("web", Side.BLUE, 7, health="healthy")
    sick, ended = replace(healthy, health="unhealthy"), replace(healthy, state="exited")
    again = replace(healthy, state="restarting")
    assert worst([healthy, sick]) is sick
    assert worst([ended, sick]) is ended
    assert worst([ended, again]) is again
    assert worst([]) is None


def test_a_color_is_active_standby_or_empty() -> None:
    assert [standing_of(BLUE_7, side) for side in (Side.BLUE, Side.GREEN)] == ["active", "standby"]
    assert standing_of(EMPTY, Side.BLUE) == "empty"


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        pytest.param(BLUE_7, [], id="all is well"),
        pytest.param(PLAINLY, [], id="a plain stack is no trouble"),
        pytest.param(replace(BLUE_7, traffic=None), ["state file is missing"], id="the state file is lost"),
        pytest.param(
            replace(BLUE_7, containers=(*BLUE_7.containers, PLAIN_APP[0])),
            ["plain containers of web run beside the active blue"],
            id="a third copy",
        ),
        pytest.param(
            replace(BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7, state="exited")[:2])),
            [
                "not running in the active color: shop-api-blue, shop-web-blue",
                "no container in the active color: clock, queue",
            ],
            id="the active color has fallen",
        ),
        pytest.param(
            replace(BLUE_7, containers=color(Side.BLUE, 7)),
            ["shared services that do not run: db, proxy"],
            id="database and proxy are away",
        ),
        pytest.param(
            replace(PLAINLY, containers=(SICK, SHARED[1])),
            ["db is unhealthy: its healthcheck says status 1: no answer"],
            id="a shared service is unhealthy",
        ),
    ],
)
def test_status_names_what_a_person_should_know(observed: Observed, words: list[str]) -> None:
    found = list(troubles(observed, STACK))
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("observed", "published", "said"),
    [
        (BLUE_7, "blue", ""),
        (BLUE_7, None, ""),
        (BLUE_7, "green", "says green, but users go to blue"),
        (BLUE_7, "", "says nothing, but users go to blue"),
        (PLAINLY, "plain", ""),
        (EMPTY, "blue", "says blue, but users go to no side"),
    ],
)
def test_a_published_color_that_is_not_so_is_told(observed: Observed, published: str | None, said: str) -> None:
    found = "".join(misread(observed, STACK, published))
    assert bool(found) == bool(said)
    assert said in found


def test_a_deploy_would_bring_nothing_new_only_where_the_active_release_is_whole_up_and_of_the_same_files() -> None:
    assert same_release(BLUE_7, STACK) == release(7, Side.BLUE)
    assert same_release(BLUE_7, replace(STACK, fingerprint="edited")) is None
    assert same_release(replace(BLUE_7, containers=color(Side.BLUE, 7)[:3]), STACK) is None
    assert same_release(replace(BLUE_7, containers=color(Side.BLUE, 7, state="exited")), STACK) is None
    assert same_release(replace(BLUE_7, releases=()), STACK) is None
    assert same_release(PLAINLY, STACK) is None
