"""Each action of the mix: what to send, and how to tell whether the answer is right."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from proof.load.exchange import Answer, Request
from proof.load.mix import Mix
from proof.load.sample import Action, Fault


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a whole answer; nothing, if all is empty."""

    fault: Fault = Fault.NONE
    detail: str = ""
    mixed: str = ""
    code: int = 0  # with which the server closed a WebSocket


@dataclass(frozen=True, slots=True)
class Task:
    """One request, its expected duration (seconds, without the server's own time) and its check."""

    request: Request
    lasts: float
    check: Callable[[Answer], Verdict]
    status: int = 200
    job: str = ""


def task(action: Action, mix: Mix, dice: random.Random) -> Task:
    """Make a request for *action*; *dice* gives bodies and lengths. A WebSocket is not one: see `ws`."""
    return MAKERS[action](mix, dice)


def judge(answer: Answer, job: Task) -> Verdict:
    """Return what is wrong with a whole *answer*: its status, its marks, then its body."""
    if answer.status != job.status:
        return Verdict(Fault.STATUS, f"status {answer.status}: {_start(answer.body)}")
    verdict = job.check(answer)
    if verdict.fault or answer.marked:
        return verdict
    return Verdict(Fault.UNMARKED, "no X-Release and X-Color")


def same(expected: bytes, got: bytes | bytearray) -> Verdict:
    """Compare byte for byte; a proper beginning of what was expected is a truncated answer."""
    if expected == got:
        return Verdict()
    fault = Fault.TRUNCATED if expected.startswith(got) and got else Fault.WRONG
    return Verdict(fault, f"{len(got)} of {len(expected)} bytes: {_start(got)}")


def chained(answer: Answer, participants: int) -> Verdict:
    """Check that all took part in /chain, and that all were of one release, the answering one included."""
    try:
        rows = msgspec.json.decode(bytes(answer.body), type=list[_Member])
    except msgspec.MsgspecError as error:
        return Verdict(Fault.WRONG, f"{error}: {_start(answer.body)}")
    if len({row.service for row in rows}) != participants:
        return Verdict(Fault.WRONG, f"{len(rows)} of {participants} took part")
    marks = {(str(row.release), row.color or "") for row in rows}
    if answer.marked:
        marks.add((answer.release, answer.color))
    return Verdict(mixed="" if len(marks) == 1 else _names(rows))


class _Member(msgspec.Struct):
    service: str
    color: str | None
    release: str | int | None


def _names(rows: list[_Member]) -> str:
    return ", ".join(f"{row.service} {row.color} {row.release}" for row in rows)


def _get(mix: Mix, dice: random.Random) -> Task:
    token = f"{dice.getrandbits(96):024x}"
    request = Request("GET", f"{mix.prefix}/echo?token={token}")
    return Task(request, 0.0, lambda got: _contains(token.encode(), got.body))


def _contains(token: bytes, body: bytearray) -> Verdict:
    return Verdict() if token in body else Verdict(Fault.WRONG, f"not what was asked for: {_start(body)}")


def _post(mix: Mix, dice: random.Random) -> Task:
    body = dice.randbytes(dice.randint(*mix.body_bytes))
    return Task(Request("POST", f"{mix.prefix}/echo", body), 0.0, lambda got: same(body, got.body))


def _upload(mix: Mix, dice: random.Random) -> Task:
    body, seconds = dice.randbytes(mix.upload_bytes), dice.uniform(*mix.upload_seconds)
    piece = max(1, len(body) // 25)
    sized = dice.random() < 0.5
    request = Request("POST", f"{mix.prefix}/echo", body, piece=piece, pace=seconds / 25, sized=sized)
    return Task(request, seconds, lambda got: _hashed(body, got.body))


def _hashed(sent: bytes, got: bytearray) -> Verdict:
    if hashlib.sha256(sent).digest() == hashlib.sha256(got).digest():
        return Verdict()
    return same(sent, got)


def _slow(mix: Mix, _: random.Random) -> Task:
    path = f"{mix.prefix}/slow?seconds={mix.slow_seconds:g}"
    return Task(Request("GET", path), mix.slow_seconds, lambda got: _not_empty(got.body))


def _chain(mix: Mix, _: random.Random) -> Task:
    return Task(Request("GET", f"{mix.prefix}/chain"), 0.0, lambda got: chained(got, mix.participants))


def _job(mix: Mix, dice: random.Random) -> Task:
    name = f"load-{dice.getrandbits(96):024x}"
    order = {"id": name, "seconds": round(dice.uniform(*mix.job_seconds), 3)}
    request = Request("POST", mix.prefix + mix.job_path, msgspec.json.encode(order))
    return Task(request, 0.0, lambda got: _not_empty(got.body), status=202, job=name)


def _not_empty(body: bytearray) -> Verdict:
    return Verdict() if body else Verdict(Fault.WRONG, "an empty answer")


def _events(mix: Mix, dice: random.Random) -> Task:
    seconds = dice.uniform(*mix.events_seconds)
    count = max(1, round(seconds / mix.events_interval))
    path = f"{mix.prefix}/events?count={count}&interval={mix.events_interval:g}"
    return Task(Request("GET", path), seconds, lambda got: _arrived(got.body, count))


def _arrived(body: bytearray, count: int) -> Verdict:
    blocks = bytes(body).replace(b"\r\n", b"\n").split(b"\n\n")
    whole = [block for block in blocks[:-1] if block.startswith(b"data:") or b"\ndata:" in block]
    if len(whole) == count and not blocks[-1]:
        return Verdict()
    fault = Fault.TRUNCATED if len(whole) <= count else Fault.WRONG
    return Verdict(fault, f"{len(whole)} of {count} events")


def _start(body: bytes | bytearray) -> str:
    return repr(bytes(body[:80]))


MAKERS: dict[Action, Callable[[Mix, random.Random], Task]] = {
    Action.GET: _get,
    Action.POST: _post,
    Action.UPLOAD: _upload,
    Action.SLOW: _slow,
    Action.EVENTS: _events,
    Action.CHAIN: _chain,
    Action.JOB: _job,
}
