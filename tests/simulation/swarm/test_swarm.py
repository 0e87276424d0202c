"""Commands on a Swarm of N nodes, played in memory: every crash point, lost nodes at each, races, random schedules."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId
from teal.core.swarm.asking import Tell
from teal.core.swarm.order import Wish, deploy, heal, rollback
from teal.core.swarm.truth import Truth
from teal.errors import Locked, Refused, TealError, Unhealthy
from tests.simulated.swarm import Command, Node, Swarm, nothing_broken, settled

_NUMBER = count(1)


def begin(swarm: Swarm, what: str = "deploy", at: str = "node1", **options: frozenset[str]) -> Command:
    me = f"{what} {next(_NUMBER)}"
    wish = Wish(me, what, f"key{next(_NUMBER)}", **options)
    order = {"deploy": deploy, "rollback": rollback, "heal": heal}[what](wish)
    return swarm.command(me, order, swarm.nodes[at])


def run(swarm: Swarm, what: str = "deploy", at: str = "node1", **options: frozenset[str]) -> Truth:
    ended = swarm.finish(begin(swarm, what, at, **options))
    if isinstance(ended, TealError):
        raise ended
    assert ended is not None
    return ended


def serving(size: int = 3, seed: int = 0) -> Swarm:
    """Return a Swarm that two deploys were made on: both colors have held a release."""
    swarm = Swarm(size, Random(seed))
    run(swarm)
    run(swarm)
    nothing_broken(swarm)
    return swarm


def one(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_deploys_and_rollbacks_go_through_all_edges(size: int) -> None:
    swarm = serving(size)
    for _ in range(10):
        run(swarm)
    before = swarm.truth.active_release
    run(swarm, "rollback")
    assert swarm.truth.active_release == (before or 0) - 1
    swarm.pass_by(1)
    assert not settled(swarm)
    nothing_broken(swarm)
    assert all(node.disk and node.disk.voter for node in swarm.nodes.values())


def test_an_unhealthy_release_is_undone_and_a_rollback_goes_to_the_one_before() -> None:
    swarm = serving()
    swarm.sick = {ReleaseId(3)}
    with pytest.raises(Unhealthy):
        run(swarm)
    swarm.pass_by(1)
    assert swarm.truth.active_release == 2
    assert not settled(swarm)
    assert run(swarm, "rollback").active_release == 1
    assert run(swarm).active_release == 4  # its number is not given again
    nothing_broken(swarm)


def asks(what: str) -> int:
    swarm = serving()
    command = begin(swarm, what)
    swarm.finish(command)
    return command.asked


def upto(swarm: Swarm, command: Command, point: int) -> None:
    """Carry *command* on until it has asked for *point* things, the last of them not yet done."""
    while command.asked < point and not command.over:
        swarm.step(command)
        if swarm.time < command.until:
            swarm.quiet()
        swarm.user(swarm.random.choice(list(swarm.nodes.values())))


@pytest.mark.parametrize("what", ["deploy", "rollback"])
@pytest.mark.parametrize("then", ["deploy", "rollback", "heal"])
def test_the_manager_is_lost_at_any_point_and_another_one_goes_on(what: str, then: str) -> None:
    for point in range(1, asks(what) + 1):
        swarm = serving(seed=point)
        command = begin(swarm, what)
        upto(swarm, command, point)
        swarm.kill(command)
        began = swarm.time
        run(swarm, then, "node2")
        assert swarm.time - began < 60, "the next command works within 60 s"
        swarm.pass_by(1)
        assert not settled(swarm), f"killed at {point}"
        nothing_broken(swarm)


@pytest.mark.parametrize("lost", ["node1", "node2", "node3"])
@pytest.mark.parametrize("how", ["power", "cut"])
def test_a_node_is_lost_at_any_point_and_returns(lost: str, how: str) -> None:
    for point in range(1, asks("deploy") + 1):
        swarm = serving(seed=point)
        command = begin(swarm, "deploy", "node1")
        upto(swarm, command, point)
        node = swarm.nodes[lost]
        swarm.power_cut(node) if how == "power" else swarm.cut(node)
        swarm.finish(command)
        swarm.pass_by(40)
        nothing_broken(swarm)
        swarm.boot(node) if how == "power" else setattr(node, "linked", True)
        swarm.pass_by(3)
        run(swarm, "deploy", "node2")
        swarm.pass_by(1)
        assert not settled(swarm), f"{lost} lost at {point}"
        nothing_broken(swarm)


def test_manager_and_node_are_lost_at_any_two_points_while_the_next_one_heals() -> None:
    for point in range(1, asks("deploy") + 1):
        for second in range(1, 14, 3):
            swarm = serving(seed=point)
            command = begin(swarm)
            upto(swarm, command, point)
            swarm.power_cut(swarm.nodes["node1"])
            swarm.kill(command)
            healing = begin(swarm, "heal", "node2")
            upto(swarm, healing, second)
            swarm.kill(healing)
            swarm.boot(swarm.nodes["node1"])
            swarm.pass_by(35)
            run(swarm, "heal", "node3")
            run(swarm, "deploy", "node3")
            swarm.pass_by(1)
            assert not settled(swarm), (point, second)
            nothing_broken(swarm)


def test_two_managers_race_and_one_wins_each_time() -> None:
    for seed in range(200):
        swarm = serving(seed=seed)
        rivals = [begin(swarm, "deploy", "node1"), begin(swarm, "deploy", "node2")]
        before = swarm.truth.active_release or 0
        for rival in rivals:
            upto(swarm, rival, 2)  # both have seen that nobody works
        while not all(each.over for each in rivals):
            rival = swarm.random.choice(rivals)
            swarm.beats[rival.wish] += 1
            if swarm.random.random() < 0.2:
                swarm.quiet()
            swarm.step(rival)
        ended = [each.ended for each in rivals]
        assert sum(isinstance(each, Locked) for each in ended) == 1, ended
        assert swarm.truth.active_release == before + 1
        nothing_broken(swarm)


def test_a_manager_that_slept_while_another_took_its_lock_changes_nothing() -> None:
    for point in range(1, asks("deploy") + 1):
        swarm = serving(seed=point)
        sleeper = begin(swarm)
        upto(swarm, sleeper, point)
        run(swarm, "deploy", "node2")
        after = swarm.truth
        swarm.finish(sleeper)
        if swarm.truth.active_release != after.active_release:  # it had not yet taken the lock: one after the other
            assert point <= 2
        nothing_broken(swarm)


def test_without_a_quorum_nothing_is_changed_and_users_are_served_on() -> None:
    swarm = serving()
    swarm.power_cut(swarm.nodes["node2"])
    swarm.power_cut(swarm.nodes["node3"])
    with pytest.raises(TealError, match="quorum"):
        run(swarm)
    served = swarm.counts["served"]
    swarm.pass_by(5)
    assert swarm.counts["served"] > served
    swarm.boot(swarm.nodes["node2"])
    swarm.boot(swarm.nodes["node3"])
    swarm.pass_by(2)
    run(swarm)
    swarm.pass_by(1)
    assert not settled(swarm)
    nothing_broken(swarm)


def test_a_lost_edge_is_refused_by_name_and_left_out_on_request() -> None:
    swarm = serving()
    away = swarm.nodes["node3"]
    swarm.power_cut(away)
    swarm.pass_by(25)
    with pytest.raises(Refused, match="node3") as refused:
        run(swarm)
    assert "--without node3" in refused.value.hint or "--off node3" in refused.value.hint
    run(swarm, without=one("node3"))
    with pytest.raises(Refused, match="node3 has not followed the last switch") as refused:
        run(swarm, without=one("node3"))
    assert "--off node3" in refused.value.hint
    run(swarm, off=one("node3"))
    swarm.boot(away)
    swarm.pass_by(3)
    assert away.tmpfs == swarm.truth.decided
    run(swarm)
    nothing_broken(swarm)


def test_an_edge_that_was_cut_off_goes_on_with_the_old_release_unmixed_and_then_follows() -> None:
    swarm = serving()
    away = swarm.nodes["node3"]
    before = away.tmpfs
    swarm.cut(away)
    swarm.pass_by(25)
    run(swarm, without=one("node3"))
    assert away.tmpfs == before
    swarm.user(away)
    away.linked = True
    swarm.gossip(away)
    assert away.tmpfs == swarm.truth.decided
    nothing_broken(swarm)


# -- holes that a simpler register has


def test_an_undecided_promise_keeps_a_returning_edge_holding_until_teal_says_how_it_was_decided() -> None:
    swarm = serving()
    command = begin(swarm)
    while swarm.truth.decided.word.partition(" ")[0] == Side.GREEN:  # up to the decision, told to nobody
        upto(swarm, command, command.asked + 1)
    swarm.kill(command)
    node = swarm.nodes["node3"]
    swarm.power_cut(node)
    swarm.boot(node)
    swarm.pass_by(20)
    assert node.tmpfs is None, "it can't know"
    run(swarm, "heal", "node2")
    swarm.pass_by(1)
    assert node.tmpfs == swarm.truth.decided
    nothing_broken(swarm)


def test_an_edge_that_lost_its_disk_is_no_voter_until_it_has_promised_anew() -> None:
    """A decision without node2, told to nobody; node3 forgot its promise; node2 must not believe the two of them."""
    swarm = serving()
    one_, two, three = swarm.nodes.values()
    swarm.power_cut(two)
    swarm.pass_by(25)
    command = begin(swarm, off=one("node2"))
    while swarm.truth.decided.word.partition(" ")[0] == Side.GREEN:
        upto(swarm, command, command.asked + 1)
    swarm.kill(command)
    swarm.power_cut(three)
    swarm.power_cut(one_)
    swarm.boot(three, disk_lost=True)
    swarm.boot(two)
    swarm.pass_by(30)
    assert two.tmpfs is None
    assert three.tmpfs is None
    swarm.boot(one_)
    swarm.pass_by(5)
    run(swarm, "heal", "node2")
    swarm.pass_by(2)
    assert not settled(swarm)
    nothing_broken(swarm)


def test_an_edge_that_has_just_started_does_not_believe_a_command() -> None:
    """What a manager says that slept may be long past: it is knowledge, and no more."""
    swarm = serving()
    late = swarm.truth.decided
    run(swarm)
    node = swarm.nodes["node3"]
    swarm.power_cut(node)
    swarm.boot(node)
    command = begin(swarm)
    swarm.perform(command, Tell(late, late.epoch, ("node3",)))
    assert node.tmpfs is None
    swarm.pass_by(2)
    assert node.tmpfs == swarm.truth.decided
    nothing_broken(swarm)


# -- everything at once


def chaos(seed: int, events: int = 150) -> Swarm:
    """Play a random schedule: commands on any node, and everything that goes wrong."""
    random = Random(seed)
    swarm = Swarm(random.choice((3, 3, 3, 5)), random)
    run(swarm)
    swarm.loss, swarm.late = random.choice((0.0, 0.05, 0.2)), random.choice((0.0, 0.1))
    commands: list[Command] = []
    for _ in range(events):
        _happen(swarm, commands)
        if swarm.broken:
            return swarm
    return _calm(swarm, commands)


def _happen(swarm: Swarm, commands: list[Command]) -> None:
    random = swarm.random
    node = random.choice(list(swarm.nodes.values()))
    at_work = [each for each in commands if not each.over]
    kinds = ("work", "user", "time", "fault", "begin", "kill", "freeze", "late")
    kind = random.choices(kinds, (30, 10, 10, 4, 3, 1, 1, 3))[0]
    if kind == "user":
        swarm.user(node)
    elif kind == "time":
        _time(swarm, at_work)
    elif kind == "fault":
        _fault(swarm, node)
    elif kind == "begin" and node.up:
        commands.append(_wished(swarm, node))
    elif kind == "late" and swarm.posted:
        swarm.posted.pop(random.randrange(len(swarm.posted)))()
    elif at_work:
        _work(swarm, random.choice(at_work), kind)


def _time(swarm: Swarm, at_work: list[Command]) -> None:
    for _ in range(swarm.random.choice((1, 4, 40, 160))):
        swarm.quiet()
        for command in at_work:
            swarm.beats[command.wish] += not command.frozen
            swarm.step(command)


def _work(swarm: Swarm, command: Command, kind: str) -> None:
    if kind == "kill":
        swarm.random.choice((swarm.kill, swarm.interrupt))(command)
    elif kind == "freeze":
        command.frozen = not command.frozen
    else:
        for _ in range(swarm.random.randint(1, 12)):
            swarm.beats[command.wish] += not command.frozen
            swarm.step(command)


def _wished(swarm: Swarm, node: Node) -> Command:
    away = [each for each in swarm.nodes.values() if not each.up or not each.linked or not each.agent]
    named = frozenset(each.name for each in away if swarm.random.random() < 0.7)
    off = frozenset(name for name in named if not swarm.nodes[name].up and swarm.random.random() < 0.5)
    what = swarm.random.choice(("deploy", "deploy", "rollback", "heal"))
    command = begin(swarm, what, node.name, without=named - off, off=off)
    swarm.counts[what] += 1
    return command


def _fault(swarm: Swarm, node: Node) -> None:
    kinds = ("power", "boot", "boot", "cut", "link", "link", "agent", "agent", "slow", "disk")
    kind = swarm.random.choice(kinds)
    swarm.counts[kind] += 1
    if kind == "boot" and not node.up:
        swarm.boot(node)
    elif kind == "link":
        node.linked = True
    elif node.up:
        _hurt(swarm, node, kind)


def _hurt(swarm: Swarm, node: Node, kind: str) -> None:
    others = [each for each in swarm.nodes.values() if each is not node]
    if kind == "power":
        swarm.power_cut(node)
    elif kind == "cut":
        swarm.cut(node)
    elif kind == "slow":
        node.slow = not node.slow
    elif kind == "agent":
        swarm.kill_agent(node) if node.agent else swarm.start_agent(node)
    elif kind == "disk" and all(each.up and each.disk and each.disk.voter for each in others):
        swarm.power_cut(node)  # more than half of the disks lost is beyond any register
        swarm.boot(node, disk_lost=True)


def _calm(swarm: Swarm, commands: list[Command]) -> Swarm:
    """Put right what went wrong, as a person would; then one deploy must end well, and everything agree."""
    for command in commands:
        if not command.over:
            swarm.kill(command)
    swarm.loss = swarm.late = 0.0
    for node in swarm.nodes.values():
        node.linked, node.slow = True, False
        if not node.up:
            swarm.boot(node)
        elif not node.agent:
            swarm.start_agent(node)
    swarm.pass_by(5)
    run(swarm, "heal", "node2")
    swarm.pass_by(5)
    run(swarm, "deploy", "node3")
    swarm.pass_by(2)
    swarm.broken += settled(swarm)
    return swarm


@pytest.mark.parametrize("batch", range(4))
def test_random_schedules_keep_what_is_promised(batch: int) -> None:
    served = settles = 0
    for seed in range(batch * 20, batch * 20 + 20):
        swarm = chaos(seed)
        assert not swarm.broken, (seed, swarm.broken[:3])
        served += swarm.counts["served"]
        settles += swarm.counts["settled"]
    assert served > 400
    assert settles > 20
