"""``make swarm``: a stack on three machines that are made for it, under load, through what goes wrong; prints a table.

Environment: ``DEPLOYS`` (3) without a fault, with a rollback after every second one; ``RACES`` (200);
``ROWS``, some of plain, races, node, before, after.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable

from teal.adapters.engine import DockerEngine
from teal.adapters.engine.api import Api
from teal.adapters.swarm.swarm import DockerSwarm
from tests.swarm.play import NODES, Play


def there(node: int) -> DockerSwarm:
    """Return the Swarm as the manager on *node* speaks for it."""
    socket = f"{NODES}/n{node}/docker.sock"
    environ = {**os.environ, "DOCKER_HOST": f"unix://{socket}"}
    return DockerSwarm(Api(socket), DockerEngine(Api(socket)), "fleet", proxy="proxy", port=80, environ=environ)


def apart(node: int) -> float:
    """Return how many milliseconds lie between the first and the last edge that shows the word of now."""

    async def ask() -> float:
        edges = tuple(f"node{number}" for number in (1, 2, 3))
        at = [answer["at"] for answer in (await there(node)._ask("say", None, edges)).values() if answer.get("at")]
        return float(max(at) - min(at)) / 1e6

    return asyncio.run(ask())


def no_fault(play: Play, deploys: int) -> None:
    """Deploy and roll back, on all managers in turn, users on all edges."""
    before, windows, lives, dones = play.shared(1), [], [], []
    with play.users((1, 2, 3)) as answers:
        for number in range(deploys):
            ended = play.deployed(number % 3 + 1, "deploy")
            lives.append(ended.result["live"])
            dones.append(ended.result["took"])
            windows.append(apart(1))
            if number % 2:
                ended = play.deployed(number % 3 + 1, "rollback")
                windows.append(apart(1))
    good = not answers.failed and not answers.mixed
    play.row(f"{deploys} deploys, {deploys // 2} rollbacks, no fault", str(answers), good=good)
    times = f"live {statistics.median(lives):.1f} s, done {statistics.median(dones):.1f} s (median)"
    play.row("live and done", times, good=True)
    said = f"{statistics.median(windows):.1f} ms (median), {max(windows):.1f} ms (most)"
    play.row("edges differ by", said, good=max(windows) < 100)
    play.row("shared services", "the same tasks before and after", good=play.shared(1) == before)


def node_lost(play: Play) -> None:
    """Lose an edge in the middle of a deploy; users of the others notice nothing; it returns with the new release."""
    with play.users((1, 2)) as answers:
        process = play.begin(1, "deploy", "--without", "node3")
        play.upto(process, "start release")
        play.lab("power-cut", "3")
        out, err = process.communicate(timeout=300)
        release = str(play.asked(1)["web"]) if play.asked(1) else ""  # type: ignore[index]
    play.row(
        "a node lost during a deploy: the others' users", str(answers), good=not answers.failed and not answers.mixed
    )
    play.row("  the deploy", (err + out).strip().splitlines()[-1], good=process.returncode == 0)
    first: list[str] = []

    def answered() -> bool:
        found = play.asked(3, 2.0)
        first.extend([str(found["web"])] if found else [])
        return bool(first)

    play.lab("boot", "3")
    took = play.until("the edge that was away answers", 120, answered)
    play.row("  its return", f"answers after {took:.1f} s, with release {first[0]}", good=first[0] == release)


def manager_lost(play: Play, at: str) -> None:
    """Lose the machine on which the command runs, once it has said *at*; type the command on another one."""
    play.until("all nodes are ready", 90, lambda: play.docker(2, "node", "ls").count("Ready") == 3)
    play.until("all edges follow", 60, lambda: "behind" not in play.teal(2, "status").said)
    with play.users((2, 3)) as answers:
        process = play.begin(1, "deploy")
        play.upto(process, at)
        lost = time.time()
        play.lab("power-cut", "1")
        process.kill()
        process.wait()
        began = time.monotonic()
        ended = play.teal(2, "cleanup")
        took = time.monotonic() - began
        next_one = play.teal(2, "deploy", "--off", "node1")
    late = [row for row in answers.failed if row["began"] > lost + 0.5]  # what it was computing is lost with it
    said = f"{answers}; {len(late)} of those failed that began after the loss"
    play.row(f"the manager lost at {at!r}: the others' users", said, good=not late and not answers.mixed)
    for row in answers.failed[:8]:
        print(
            f"    {row['began'] - lost:+.1f} s, edge {row['edge']}, {row['kind']}, {row['took']:.1f} s: {row['said']}"
        )
    play.row(
        "  healed from another manager",
        f"after {took:.0f} s: status {ended.status}",
        good=ended.status == 0 and took < 60,
    )
    play.row("  the next deploy", next_one.said.splitlines()[-1], good=next_one.status == 0)
    play.lab("boot", "1")
    play.until("node 1 answers", 120, lambda: play.asked(1, 2.0) is not None)


def races(play: Play, rounds: int) -> None:
    """Let three managers take the lock at once, again and again: one wins each time."""

    async def all_of_them() -> list[int]:
        managers = [there(node) for node in (1, 2, 3)]
        won = []
        for number in range(rounds):
            seen = await managers[0].read()
            tries = [
                each.swap(seen.truth.held_by(f"{number} {who}"), seen.version) for who, each in enumerate(managers)
            ]
            won.append(sum(bool(version) for version in await asyncio.gather(*tries)))
        seen = await managers[0].read()
        await managers[0].swap(seen.truth.held_by(""), seen.version)
        return won

    won = asyncio.run(all_of_them())
    play.row("managers that race for the lock", f"{won.count(1)} of {rounds} have one winner", good=set(won) == {1})


def main() -> int:
    """Play the rows; take everything away."""
    began = time.monotonic()
    play = Play()
    deploys, rounds = int(os.environ.get("DEPLOYS", "3")), int(os.environ.get("RACES", "200"))
    rows: dict[str, Callable[[], None]] = {
        "plain": lambda: no_fault(play, deploys),
        "races": lambda: races(play, rounds),
        "node": lambda: node_lost(play),
        "before": lambda: manager_lost(play, "start release"),
        "after": lambda: manager_lost(play, "decided"),
    }
    wanted = os.environ.get("ROWS", " ".join(rows)).split()
    try:
        play.up()
        print(f"three machines after {time.monotonic() - began:.0f} s", flush=True)
        play.deployed(1, "up")
        play.deployed(1, "deploy")
        print(f"the first release after {time.monotonic() - began:.0f} s", flush=True)
        for name in wanted:
            rows[name]()
    finally:
        if not os.environ.get("KEEP"):
            play.down()
    print(f"in {time.monotonic() - began:.0f} s")
    return play.print()


if __name__ == "__main__":
    sys.exit(main())
