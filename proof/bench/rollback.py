"""How soon a rollback answers: by start and switch, and by a switch alone where the old color was kept."""

import time
from collections.abc import Iterator

from proof.bench.bare import Slot, slot
from proof.bench.drive import Driven, drive
from proof.bench.row import Row, bound, median, ratio
from proof.managed import Managed, ProofFailed

POLL = 0.05


def rollback(stack: Managed, times: int) -> Iterator[Row]:
    """Compare with a person's ``docker start`` of the same containers; then go back and forth between kept colors."""
    stack.write_env(BOOT_SECONDS="1")
    for _ in range(2):
        stack.teal("deploy", "--no-build", "--force")
    bare, mine = [], []
    for _ in range(times):
        bare.append(_started(slot(stack)))
        mine.append(_answered(drive(stack, "rollback", _other(stack), ask=True)))
    yield ratio("rollback to a stopped color answers", mine, bare, what="docker start until healthy", limit=1.3)
    stack.teal("deploy", "--no-build", "--force", "--keep")
    kept = []
    for _ in range(times):
        kept.append(_answered(drive(stack, "rollback", _other(stack), "--keep", ask=True)))
        time.sleep(1)
    yield bound("rollback to a kept color answers", median(kept), limit=0.5, strict=True, against="from the command")


def _answered(run: Driven) -> float:
    if run.answered is None:
        raise ProofFailed("after a rollback nobody answered")
    return run.answered - run.began


def _other(stack: Managed) -> str:
    """Return the release that stands in the free slot."""
    now = stack.status()
    return str(now["colors"]["green" if now["active"] == "blue" else "blue"]["release"])


def _started(where: Slot) -> float:
    """Return the seconds from ``docker start`` of the slot's containers until all are healthy; stop them again."""
    run, ids = where.stack.run, where.containers()
    began = time.time()
    run(["docker", "start", *ids])
    while set(run(["docker", "inspect", "-f", "{{.State.Health.Status}}", *ids]).stdout.split()) != {"healthy"}:
        time.sleep(POLL)
    took = time.time() - began
    run(["docker", "stop", "-t", "5", *ids])
    return took
