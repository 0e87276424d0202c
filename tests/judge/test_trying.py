"""What follows from the moves of a trial, with triggers in Python in place of a server's."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from teal.core.judge.trying import Copy, Outcome, Play, alike, ends, moves, placed
from teal.core.judge.values import Tried

Row = dict[str, str | None]
Trigger = Callable[[Row, Row | None], Row | None]
JARS = Copy(
    values={"id": ("1", "2", "3"), "grams": ("5", "6", "7"), "note": ("a", "b"), "ounces": ("90", "91")},
    required=frozenset({"id"}),
    defaults={},
    serving=frozenset({"id", "grams", "note"}),
    samples=({"id": "1", "grams": "5", "note": "a"},),
)


def played(play: Play, trigger: Trigger) -> Outcome:
    row: Row = {}
    rows: list[Mapping[str, str | None] | None] = []
    for step in play:
        old = row if step.update else None
        new: Row = {**dict.fromkeys(JARS.values), **row, **step.row}
        try:
            made = trigger(dict(new), old)
        except ArithmeticError as error:
            return Outcome(tuple(rows), str(error))
        rows.append(made)
        row = made or row
    return Outcome(tuple(rows), wrote=getattr(trigger, "wrote", ""))


def tried(trigger: Trigger, copy: Copy = JARS) -> Tried:
    game = moves(copy)
    try:
        play = next(game)
        while True:
            play = game.send(played(play, trigger))
    except StopIteration as end:
        return end.value


def both(new: Row, old: Row | None) -> Row:
    """Keep both in step."""
    if old is None:
        new["ounces"] = new["ounces"] if new["ounces"] is not None else new["grams"]
        new["grams"] = new["grams"] if new["grams"] is not None else new["ounces"]
    elif new["grams"] != old["grams"]:
        new["ounces"] = new["grams"]
    elif new["ounces"] != old["ounces"]:
        new["grams"] = new["ounces"]
    return new


def fails_for(value: str) -> Trigger:
    def trigger(new: Row, old: Row | None) -> Row:
        if new["grams"] == value:
            raise ZeroDivisionError("division by zero")
        return both(new, old)

    return trigger


def one_way(new: Row, old: Row | None) -> Row:
    return {**new, "ounces": new["grams"]}


def only_on_insert(new: Row, old: Row | None) -> Row:
    return both(new, old) if old is None else new


def first_wins(new: Row, old: Row | None) -> Row:
    """Let the new column win as soon as it has a value."""
    if new["ounces"] is None:
        return {**new, "ounces": new["grams"]}
    return {**new, "grams": new["ounces"]}


def misses_after_the_new_one(new: Row, old: Row | None) -> Row:
    """Forget the old release's write where the new one has written before."""
    if old is not None and old["note"] == "touched":
        return {**new, "grams": old["grams"]}
    if old is not None and new["ounces"] != old["ounces"]:
        return {**both(new, old), "note": "touched"}
    return both(new, old)


def not_back(new: Row, old: Row | None) -> Row:
    """Fill the new column, and never the old one from it."""
    if old is None:
        return both(new, old)
    return {**new, "ounces": new["grams"]} if new["grams"] != old["grams"] else new


def not_back_on_insert(new: Row, old: Row | None) -> Row:
    """Fill the old column from the new one on UPDATE only."""
    filled = new["ounces"] if new["ounces"] is not None else new["grams"]
    return both(new, old) if old is not None else {**new, "ounces": filled}


def refuses_the_new_one(new: Row, old: Row | None) -> Row | None:
    return (
        None if old is not None and new["ounces"] != old["ounces"] and new["grams"] == old["grams"] else both(new, old)
    )


def keeps_after_the_new_one(new: Row, old: Row | None) -> Row:
    """Leave the new column alone where the new release has written before."""
    if old is not None and old["note"] == "touched":
        return {**new, "ounces": old["ounces"]}
    return misses_after_the_new_one(new, old)


def overwritten(new: Row, old: Row | None) -> Row:
    return both(new, old) if old is None else {**new, "ounces": new["grams"]}


def demanding(new: Row, old: Row | None) -> Row:
    """Fill the new column only, where the old one may not be NULL."""
    made = not_back_on_insert(new, old)
    if made["grams"] is None:
        raise ArithmeticError('null value in column "grams"')
    return made


def alike_once(new: Row, old: Row | None) -> Row:
    """Derive the new column, which happens to be the same for one value."""
    return {**new, "ounces": new["grams"] if new["grams"] in ("5", None) else f"{new['grams']}0"}


def keeps_for_null(new: Row, old: Row | None) -> Row:
    return both(new, old) if old is None or new["grams"] is not None else {**new, "ounces": old["ounces"]}


def logging(new: Row, old: Row | None) -> Row:
    return both(new, old)


logging.wrote = "seen"  # type: ignore[attr-defined]


def trimmed(new: Row, old: Row | None) -> Row:
    return {**both(new, old), "note": "x"}


def worked_out(new: Row, old: Row | None) -> Row:
    """Derive the new column, whatever is written into it."""
    return {**new, "ounces": None if new["grams"] is None else f"{new['grams']}0"}


@pytest.mark.parametrize(
    ("trigger", "harm", "about"),
    [
        (both, "", ""),
        (worked_out, "", ""),
        (lambda new, old: new, "", ""),
        (fails_for("5"), "fails", "division by zero"),
        (fails_for("6"), "fails", "division by zero"),
        (lambda new, old: None, "drops", ""),
        (lambda new, old: both(new, old) if old is None else None, "drops", ""),
        (trimmed, "changes", "note"),
        (lambda new, old: both(new, old) if old is None else {**new, "grams": old["grams"]}, "changes", "grams"),
        (only_on_insert, "misses", "ounces"),
        (first_wins, "changes", "grams"),
        (misses_after_the_new_one, "changes", "grams"),
        (one_way, "one-way", "ounces"),
        (not_back, "one-way", "grams"),
        (not_back_on_insert, "one-way", "grams"),
        (keeps_after_the_new_one, "misses", "ounces"),
        (overwritten, "one-way", "ounces"),
        (alike_once, "", ""),
        (keeps_for_null, "misses", "ounces"),
        (logging, "elsewhere", "seen"),
        (refuses_the_new_one, "fails", "a new release's write is dropped"),
    ],
)
def test_what_a_trigger_does_is_seen(trigger: Trigger, harm: str, about: str) -> None:
    assert (tried(trigger).harm, tried(trigger).about) == (harm, about)


def test_a_column_that_may_not_be_null_is_to_be_filled_back() -> None:
    copy = replace(JARS, required=frozenset({"id", "grams"}))
    assert (tried(demanding, copy).harm, tried(demanding, copy).about) == ("one-way", "grams")


def test_what_it_fills_is_said() -> None:
    assert tried(both).fills == {"ounces"}
    assert tried(lambda new, old: new).fills == frozenset()


def test_without_a_value_nothing_is_said() -> None:
    copy = Copy({"id": ()}, frozenset({"id"}), {}, frozenset({"id"}))
    assert tried(both, copy).untried == "no value for id can be made up"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("5", "5.00", True),
        ("5", "50", False),
        ("a", "a", True),
        ("a", "ab", False),
        (None, None, False),
        ("2024-01-02", "2024-01-02 00:00:00+00", True),
        ("2024-01-02", "2024-01-02 10:00:00+00", False),
        ("00", "a", False),
    ],
)
def test_a_value_is_the_same_in_another_type(one: str | None, other: str | None, same: bool) -> None:
    assert alike(one, other) is same


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ([], None),
        ([100], None),
        ([100, 100, 0], Tried()),
        ([0], Tried(untried="no row of its table meets its condition now")),
        ([100] * 5, Tried("endless", "500 rows changed of 200")),
        ([100] * 4, None),
    ],
)
def test_the_end_of_a_batch_is_seen(changed: list[int], said: Tried | None) -> None:
    assert ends(changed, 200) == said


def test_a_table_that_is_named_with_its_schema_is_its_copy() -> None:
    sql = 'ALTER TABLE public.jars; x.public.jars; "public"."jars"; public.jars2; jars; shop.jars'
    assert placed(sql, "jars", "t") == 'ALTER TABLE t."jars"; x.public.jars; t."jars"; public.jars2; jars; shop.jars'
    assert placed(sql, "shop.jars", "t").endswith('jars; t."jars"')
