"""Charts are well-formed, say themselves in words, show a hole as a hole, and take nobody's name for markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from teal.core.plots import STYLE, Band, Bar, Line, Mark, height_of, one_after_the_other, over_time, seconds, stacked

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ['"><script>alert(1)</script>', "<img src=x onerror=alert(1)>", "a & b ' c", "\u00fc \u202e"]


def drawn(text: str) -> ET.Element:
    assert "<script" not in text
    assert not re.search(r"""\sstyle=["']""", text)  # a page's policy allows none
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    return ET.fromstring(text)


def paths(root: ET.Element, ink: str) -> list[str]:
    return [each.attrib["d"] for each in root.iter(f"{SVG}path") if each.attrib.get("class") == f"line {ink}"]


def test_a_line_is_broken_where_nobody_measured_and_the_hole_is_named() -> None:
    hole = Band(2, 4, "not measured 14:03:11-14:03:13", hole=True)
    blue = Line("blue", (1, 2, None, None, 3, None, 4), "blue")
    root = drawn(over_time("Requests", [blue], bands=[hole]))
    stretches = paths(root, "blue")[:-1]  # the last one is beside the name
    assert [path.count("L") + 1 for path in stretches] == [2, 2, 2]  # a lone value is a short one
    assert "not measured 14:03:11-14:03:13 from 2 s to 4 s" in (root.findtext(f"{SVG}desc") or "")
    assert any(each.attrib.get("class") == "hatch" for each in root.iter(f"{SVG}path"))


def test_blue_and_green_differ_without_color() -> None:
    root = drawn(
        over_time("R", [Line("blue", (1, 2), "blue"), Line("green", (2, 1), "green"), Line("x", (0, 0), "error")])
    )
    lines = [each for each in root.iter(f"{SVG}path") if (each.attrib.get("class") or "").startswith("line ")]
    looks = {each.attrib["class"]: (each.get("stroke-dasharray"), each.get("stroke-width")) for each in lines}
    assert len(set(looks.values())) == len(looks) == 3
    assert {each.text for each in root.iter(f"{SVG}text")} >= {"blue", "green", "x"}


def test_a_switch_stands_where_it_was_and_is_said() -> None:
    root = drawn(over_time("R", [Line("p", tuple(range(11)))], since=-5, unit="/s", marks=[Mark(0, "switch")]))
    (mark,) = (each for each in root.iter(f"{SVG}path") if each.attrib.get("class") == "mark")
    left, right = 52, 720 - 86
    assert mark.attrib["d"].startswith(f"M{(left + right) / 2:g} ")
    assert root.findtext(f"{SVG}desc") == "p: from 0 to 10/s, at last 10/s; switch at 0 s"


def test_a_line_of_nothing_but_holes_says_so() -> None:
    root = drawn(over_time("R", [Line("green", (None, None), "green")]))
    assert root.findtext(f"{SVG}desc") == "green: not measured"
    assert paths(root, "green") == []


def test_phases_are_bars_that_begin_where_the_last_one_ended() -> None:
    bars = [Bar("build", 0, 12), Bar("start", 12, 4, "green"), Bar("switch", 16, 0.003), Bar("drain", 16, 0.7, "blue")]
    root = drawn(one_after_the_other("Phases", bars))
    boxes = [each for each in root.iter(f"{SVG}rect") if (each.attrib.get("class") or "").startswith("bar")]
    spans = [(float(each.attrib["x"]), float(each.attrib["width"])) for each in boxes]
    assert spans[1][0] == round(spans[0][0] + spans[0][1], 1)
    assert all(width >= 2 for _, width in spans)
    assert "switch 3 ms" in (root.findtext(f"{SVG}desc") or "")
    assert root.attrib["viewBox"].endswith(f" {height_of(bars)}")


def test_names_do_not_lie_over_one_another() -> None:
    lines = [Line(name, (5.0, value)) for name, value in (("a", 0.0), ("b", 0.1), ("c", 5.0), ("d", 0.05))]
    root = drawn(over_time("R", lines))
    heights = sorted(float(e.attrib["y"]) for e in root.iter(f"{SVG}text") if (e.text or "") in "abcd" and e.text)
    assert all(low - high >= 14 for high, low in pairwise(heights))
    assert heights[-1] <= 170 - 24


def test_how_long_is_said_as_people_say_it() -> None:
    said = {0.0: "0 ms", 0.0412: "41 ms", 0.9994: "999 ms", 3.21: "3.2 s", 99.9: "99.9 s", 125: "2 min 5 s"}
    assert {value: seconds(value) for value in said} == said


def test_a_stack_of_charts_is_one_file_with_its_colors_in_it() -> None:
    bars = [Bar("build", 0, 12)]
    text = stacked(
        [(over_time("R", [Line("p", (1, 2))]), 170), (one_after_the_other("Phases", bars), height_of(bars))],
        title="run 3",
    )
    root = drawn(text)
    assert STYLE.count("prefers-color-scheme:dark") == 1 == text.count("<style>")
    assert [each.attrib["y"] for each in root.findall(f"{SVG}svg")] == ["0", "178"]


_VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e9, allow_nan=False)), max_size=40)
_NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(_NAMES, _VALUES, st.sampled_from(["blue", "green", "error", "plain", "quiet"])), max_size=4),
    st.lists(st.tuples(st.floats(-100, 1000), _NAMES), max_size=3),
    st.lists(st.tuples(st.floats(-100, 1000), st.floats(0, 300), _NAMES, st.booleans()), max_size=3),
)
def test_whatever_the_values_and_names_the_chart_is_well_formed_and_the_same_again(lines, marks, bands) -> None:  # type: ignore[no-untyped-def]
    def draw() -> str:
        return over_time(
            "T",
            [Line(name, values, ink) for name, values, ink in lines],
            marks=[Mark(at, text) for at, text in marks],
            bands=[Band(since, since + wide, text, hole=hole) for since, wide, text, hole in bands],
        )

    root = drawn(draw())
    assert draw() == draw()
    known = {"svg", "title", "desc", "rect", "text", "path", "style"}
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= known
    for each in root.iter(f"{SVG}path"):
        assert "nan" not in each.attrib["d"]
        assert "inf" not in each.attrib["d"]
