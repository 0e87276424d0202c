"""Strategies of text: what people type by mistake, what an attacker would, and what no reader expects."""

from hypothesis import strategies as st

NASTY = (
    "",
    " ",
    "-",
    "--",
    "-rf",
    "--help",
    "a b",
    "two\nlines",
    "tab\there",
    "quote'\"quote",
    "$(touch /tmp/owned)",
    "`id`",
    "${HOME}",
    "$$",
    "; rm -rf /",
    "../../etc/passwd",
    "/etc/passwd",
    "\x1b[2J\x1b]0;title\x07",
    "\u202egnp.exe",
    "\x00",
    "\x7f",
    "\ufeff",
    "\u2028",
    "Ünïcödé",
    "😀",
    "null",
    "~",
    "yes",
    "0x1F",
    "1e999",
    "-1",
    "180 s",
    "9" * 400,
    "2024-13-45",
    "0o17",
    "!!python/object:os.system",
    "&a [*a]",
    "{" * 200,
    "[" * 200,
    "%s%n%x",
    "{}",
    "{0.__class__}",
    "x" * 65536,
)
SERVICES = ("web", "api", "worker", "db", "proxy", "migrate", "beat")

nasty = st.sampled_from(NASTY)
anything = st.text(max_size=30)
words = st.one_of(nasty, anything, st.sampled_from(SERVICES))
services = st.one_of(st.sampled_from(SERVICES), st.sampled_from(SERVICES), words)
numbers = st.one_of(
    st.integers(-(10**20), 10**20), st.sampled_from([0, -1, 1, 65535, 65536]), st.floats(allow_nan=True)
)
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)
durations = st.one_of(
    st.sampled_from(["300", "5m", "1h30m", "180 s", "-3s", "0", "1e9", "3 s", "1m 3", "∞", "nan", "٣s"]), scalars
)


def odd(ordinary: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Mostly what is expected there, now and then anything at all."""
    return st.one_of(ordinary, ordinary, ordinary, values)


def mapping_of(**ordinary: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Some of these keys, each with an odd value."""
    return st.fixed_dictionaries({}, optional={key: odd(value) for key, value in ordinary.items()})


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[str]) -> str:
    """Text as it is after a slip of the hand: a piece lost, doubled, moved or replaced."""
    text = draw(whole)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        to = min(len(text), at + draw(st.integers(0, 12)))
        how = draw(st.sampled_from(["drop", "double", "put", "tab", "space"]))
        put = {"drop": "", "double": text[at:to] * 2, "put": draw(words), "tab": "\t", "space": " "}[how]
        text = text[:at] + put + text[to:]
    return text
