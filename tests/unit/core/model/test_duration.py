import pytest

from teal.core.model.duration import compose_seconds, seconds


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (300, 300),
        ("300", 300),
        ("300s", 300),
        ("5m", 300),
        ("1h30m", 5400),
        ("1m0s", 60),
        ("0", 0),
        (" 5m ", 300),
        ("200ms", 0.2),
        ("1.5s", 1.5),
        (2.5, 2.5),
        ("90us", 0.00009),
    ],
)
def test_a_duration_is_read_as_people_and_compose_write_it(written: str | int | float, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("180 s", "has a space in it"),
        ("-5", "is negative"),
        ("-5m", "is negative"),
        ("", "is missing"),
        ("soon", "is not a duration"),
        ("5 minutes", "is not a duration"),
        ("m", "is not a duration"),
        ("1e3", "is not a duration"),
        ("inf", "is not a duration"),
        ("nan", "is not a duration"),
    ],
)
def test_what_is_no_duration_is_refused_with_what_to_write(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        seconds(written)
    assert "300s, 5m or 1h30m" in str(refused.value)


def test_a_duration_that_compose_leaves_out_has_its_default() -> None:
    assert compose_seconds(None, 10.0) == 10.0
    assert compose_seconds("1m30s", 10.0) == 90.0
