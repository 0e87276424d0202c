"""The same with faults: killed in each step, the database restarted, a lock that is held, two operators at once."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from proof.managed import TEAL, Managed, ProofFailed
from proof.migrations.changes import CHANGES, TABLES, Change, contracts_of, write_files
from proof.migrations.reading import columns, sql
from proof.migrations.writers import Writers

Fault = Callable[[Managed, Writers], None]
HELD = "BEGIN; LOCK TABLE reviews IN ACCESS SHARE MODE; SELECT pg_sleep(60)"


def prepare(stack: Managed, changes: Sequence[Change]) -> None:
    """Put the files of the last of *changes* in place, and tell the next release of all of them."""
    write_files(stack, changes[-1])
    stack.write_env(**{name: value for change in changes for name, value in change.variables.items()})


def killed_in(*steps: str, after: float = 0.0) -> Fault:
    """Return the fault: SIGKILL *after* seconds in each of *steps*, a deploy each; one more deploy ends the work."""

    def fault(stack: Managed, writers: Writers) -> None:
        del writers
        for step in steps:
            with _running(stack, "deploy", "--no-build") as child:
                _wait_for(child, step)
                time.sleep(after)
                child.send_signal(signal.SIGKILL)
            time.sleep(0.5)
        stack.teal("deploy", "--no-build")

    return fault


def contract(stack: Managed, number: int) -> None:
    """Run the contracts that change *number* has brought and that are still open, one for each table."""
    change = CHANGES[number]
    old = change.sentence.split()[1].split(".")[1]
    for name in contracts_of(stack, change):
        if any(table in name and old in columns(stack, table) for table in TABLES):
            stack.teal("migrate", "contract", name, "--give-up", "--yes")
    left = [table for table in TABLES if old in columns(stack, table)]
    if left:
        raise ProofFailed(f"{old} is still in {', '.join(left)} after the contracts")


def killed_contract(stack: Managed, number: int) -> None:
    """SIGKILL in a contract; the same command again finishes it."""
    name = contracts_of(stack, CHANGES[number])[0]
    with _running(stack, "migrate", "contract", name, "--give-up", "--yes") as child:
        time.sleep(0.8)
        child.send_signal(signal.SIGKILL)
    time.sleep(1)


def restarted_database(stack: Managed, writers: Writers) -> None:
    """Restart the database in the backfill: what fails meanwhile is the restart's, what was acknowledged stays."""
    with _running(stack, "deploy", "--no-build") as child:
        _wait_for(child, "backfill")
        with writers.forgiven(until=lambda: _answers(stack)):
            stack.run(["docker", "compose", "restart", "db"])
        child.communicate(timeout=300)
    if child.returncode != 0:
        stack.teal("deploy", "--no-build")


def held_lock(stack: Managed, writers: Writers) -> None:
    """Hold a lock for longer than Teal tries: it stops cleanly, users hardly wait; later it goes through."""
    del writers
    line = 'psql -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Xqc "$0"'
    argv = ["docker", "compose", "exec", "-T", "db", "sh", "-c", line, HELD]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, cwd=stack.folder, env=stack.environment, stdout=quiet, stderr=quiet) as holder:
        time.sleep(2)
        done = stack.teal("deploy", "--no-build", check=False)
        sql(stack, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK TABLE%'")
        holder.wait(30)
    if done.returncode != 1:
        raise ProofFailed(
            f"a deploy that gets no lock ended with {done.returncode}, not 1:\n{done.stdout}{done.stderr}"
        )
    stack.teal("deploy", "--no-build")


def two_operators(stack: Managed, writers: Writers) -> None:
    """Deploy twice at once: one works, the other is refused at once by name."""
    del writers
    with _running(stack, "deploy", "--no-build") as first:
        _wait_for(first, "preflight")
        second = stack.teal("deploy", "--no-build", check=False)
        first.communicate(timeout=300)
    if (first.returncode, second.returncode) != (0, 3):
        raise ProofFailed(f"two deploys at once ended with {first.returncode} and {second.returncode}, not 0 and 3")


STEPS = (
    "judge", "expand", "recheck", "create", "start", "check", "record-contracts", "switch", "confirm", "drain",
    "retire",
)  # fmt: skip
FAULTS: tuple[tuple[str, int, Fault], ...] = (
    ("killed in each step of a deploy", 0, killed_in(*STEPS)),
    ("killed in the backfill", 1, killed_in("backfill", after=1.0)),
    ("database restarted in the backfill", 2, restarted_database),
    ("a lock held for a minute", 3, held_lock),
)


def walk(stack: Managed, number: int, fault: Fault, writers: Writers) -> Iterator[str]:
    """Yield after each step of change *number*, its first deploy under *fault*."""
    prepare(stack, CHANGES[: number + 1])
    fault(stack, writers)
    yield "deployed"
    stack.teal("rollback")
    yield "rolled back"
    two_operators(stack, writers)
    yield "deployed again"
    if CHANGES[number].contracts:
        killed_contract(stack, number)
        contract(stack, number)
        yield "contracted"


@contextmanager
def _running(stack: Managed, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    argv = [TEAL, "--json", *arguments]
    with subprocess.Popen(
        argv, cwd=stack.folder, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        yield child


def _wait_for(child: "subprocess.Popen[str]", step: str) -> None:
    """Return when *step* has begun."""
    assert child.stdout is not None
    for line in child.stdout:
        event = json.loads(line)
        if event.get("event") == "step-began" and event.get("step") == step:
            return
    raise ProofFailed(f"the deploy ended without the step {step}")


def _answers(stack: Managed) -> bool:
    """Tell whether the database takes connections again."""
    try:
        return sql(stack, "SELECT 1").strip() == "1"
    except ProofFailed:
        return False
