"""Says how deploy, rollback, leave, cleanup and up ended, and what they would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teal.cli.show.diff import shortly
from teal.cli.show.text import goes, paint, seconds
from teal.core.model.units import Seconds
from teal.run.api import Baked, CleanupResult, DecideResult, DeployResult, Drained, Gap, OpenRow, UpResult


def outcome(result: DeployResult) -> str:
    """Return the closing lines of *result*."""
    if result.outcome == "planned":
        plan = planned(_title(result), result.steps, result.notes)
        changes = [shortly(result.changes)] if result.changes else []
        return _lines(plan, *changes, *([differing(result.differs)] if result.differs else []))
    if result.outcome == "unchanged":
        return _lines(
            *_healed(result.healed),
            f"{result.project}: nothing changed since release {result.release} (`teal deploy --force` deploys anyway)",
            *_notes(result.notes),
        )
    return _lines(
        *_healed(result.healed),
        _headline(result) + _times(result),
        *([f"  {_phases(result.phases)}"] if result.phases else []),
        *([f"  {baked(result.baked)}"] if result.baked else []),
        *([f"  {_drained(result.drained)}"] if result.drained else []),
        *([f"  {result.noticed.said.removesuffix('.')}"] if result.noticed else []),
        *_open(result.open),
        *([f"  to go back: {_way_back(result)}"] if _way_back(result) else []),
        *_notes(result.notes),
    )


def _open(rows: Sequence[OpenRow]) -> tuple[str, ...]:
    said = [f"{each.name}{goes(each.removes)}, since release {each.release}" for each in rows]
    ways = [f"; later: teal migrate contract {each.name}" for each in rows]
    return tuple(f"  open: {line}{way}" for line, way in zip(said, ways, strict=True))


def differing(differs: Sequence[str]) -> str:
    """Return what today's files would change for users."""
    return _lines(paint("today's files would change what users get:", "yellow"), *(f"  {each}" for each in differs))


def planned(title: str, steps: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return a plan as a numbered list."""
    width = len(str(len(steps)))
    numbered = (f"  {number:>{width}}  {step}" for number, step in enumerate(steps, 1))
    return _lines(f"{title}, in {len(steps)} steps:" if steps else f"{title}: nothing to do", *numbered, *_notes(notes))


def cleaned(result: CleanupResult) -> str:
    """Return what cleanup removed, or would."""
    parts = [
        (f"container{'s' * (len(result.containers) != 1)}", result.containers),
        (f"release{'s' * (len(result.releases) != 1)}", result.releases),
        (f"network{'s' * (len(result.networks) != 1)}", result.networks),
    ]
    listed = [f"  {word}: {', '.join(str(each) for each in found)}" for word, found in parts if found]
    verb = "would remove" if result.outcome == "planned" else "removed"
    head = f"{result.project}: cleanup {verb}" if listed else f"{result.project}: nothing to clean up"
    return _lines(*_healed(result.healed), head + ":" * bool(listed), *listed, *_notes(result.notes))


def gap(found: Gap) -> str:
    """Return what users notice while the proxy is restarted."""
    within = f"within {found.stop:.0f} s" + " (its stop_grace_period)" * found.own
    longest = f"as long as it takes to stop, at most {found.stop:.0f} s, and start" if found.own else "a second or two"
    if found.open is None:
        cut = f"what is open now is cut unless it ends {within}"
    else:
        cut = f"{found.open} in flight now, cut unless they end {within}" if found.open else "nothing is in flight now"
    return f"{found.proxy} takes users' requests: they fail for {longest}; {cut}"


def upped(result: UpResult) -> str:
    """Return what ``up`` did."""
    parts = (("started", result.started), ("updated", result.updated), ("as they were", result.untouched))
    said = "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)
    return f"{result.project}: {said or 'there are no shared services'}"


def _headline(result: DeployResult) -> str:
    if result.outcome == "needs-person":  # users are where they should be; what went wrong is said after this
        return paint(f"! {_title(result)}", "yellow", bold=True)
    return paint(f"✓ {_title(result)}", "green", bold=True)


def _title(result: DeployResult) -> str:
    where = f" {result.source or 'nothing'} → {result.target}" if result.target else ""
    what = f" release {result.release}" if result.release is not None else ""
    return f"{result.command} {result.project}:{what}{where}"


def _times(result: DeployResult) -> str:
    live = [f"live after {seconds(result.live)}"] if result.live is not None else []
    done = [f"done after {seconds(result.done)}"] if result.done is not None else []
    return "".join(f", {part}" for part in live + done)


def _phases(phases: Mapping[str, Seconds]) -> str:
    long = {name: took for name, took in phases.items() if took >= 0.05}
    return "  ".join(f"{name} {seconds(took)}" for name, took in long.items())


def _drained(drained: Drained) -> str:
    if not drained.counted:
        return f"the proxy could not count: waited {seconds(drained.seconds)} for open requests"
    cut = [
        f"{number} {word}{'s' * (number != 1)}"
        for number, word in ((drained.cut_requests, "request"), (drained.cut_websockets, "WebSocket"))
        if number
    ]
    return f"drained in {seconds(drained.seconds)}: " + (f"{' and '.join(cut)} cut" if cut else "nothing was cut")


def decided(result: DecideResult) -> str:
    """Return what became of a release that was watched."""
    where = f"release {result.serves} serves" if result.serves is not None else "see `teal status` for what serves"
    if result.decided == "canary":
        return f"{result.project}: another share of users is led to release {result.release}; {where} the others"
    what = "is kept" if result.decided == "promote" else "was taken back"
    return _lines(*_healed(result.healed), f"{result.project}: {where}; release {result.release} {what}")


def baked(found: Baked) -> str:
    """Return how the watch over a new release ended, and by what."""
    head = f"watched for {seconds(found.seconds)}: {_BAKED[found.outcome]}"
    if not found.counted:
        return f"{head} (the proxy does not count requests: only the containers were watched)"
    share = f"{found.failed / found.requests:.2%} failed" if found.requests else "none failed"
    before = f"; before {found.before_failed / found.before_requests:.2%}" if found.before_requests else ""
    few = ": that says little" if found.outcome == "passed-unseen" else ""
    return f"{head} ({found.requests:,} requests, {share}{before}){few}"


_BAKED = {
    "passed": "passed",
    "passed-unseen": "passed, hardly seen",
    "promoted": "promoted by hand",
    "rolled-back": "taken back",
    "held": "held",
}


def _way_back(result: DeployResult) -> str:
    if result.command == "leave":
        return "teal deploy"
    if result.previous is None:
        return ""
    # After a rollback the release before it is meant by a bare `teal rollback`, not the one that was left.
    return (
        f"teal rollback {result.previous}"
        if result.command == "rollback"
        else f"teal rollback (release {result.previous})"
    )


def _healed(healed: str) -> tuple[str, ...]:
    return (f"first repaired: {healed}",) if healed else ()


def _notes(notes: Sequence[str]) -> tuple[str, ...]:
    return tuple(paint(f"  note: {note}", "yellow") for note in notes)


def _lines(*lines: str) -> str:
    return "\n".join(lines)
