"""The snippet that ships in the wheel is the one that the example commits."""

from importlib.resources import files
from pathlib import Path

EXAMPLE = Path(__file__).parents[4] / "examples" / "tale" / "teal.caddy"


def test_the_packaged_snippet_is_the_example_s() -> None:
    assert (files("teal.adapters.caddy") / "teal.caddy").read_bytes() == EXAMPLE.read_bytes()
