"""A world with users, the ten promises watching it, and Teal's commands run in it: whole, killed or in trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.errors import Interrupted, TealError
from teal.run.api import ContractOptions, DeployOptions, Status
from teal.run.commands.cleanup import cleanup
from teal.run.commands.deploy import deploy, leave, rollback
from teal.run.commands.migrate import migrate_contract, migrate_undo
from teal.run.commands.services import down, restart, stop, up
from teal.run.commands.status import status
from teal.run.context import Ports
from tests.simulated import (
    Killed,
    MemoryJournal,
    MemoryLock,
    MemoryReleases,
    MemoryReports,
    MemoryRunLogs,
    Process,
    SimulatedClock,
    SimulatedCompose,
    SimulatedDatabases,
    SimulatedEngine,
    SimulatedMachine,
    SimulatedProxy,
    Trouble,
    Users,
    World,
    life,
    virtual_loop,
)
from tests.simulated.compose import build_image, make
from tests.simulated.process import CURRENT, adopt
from tests.simulation.promises import Promises
from tests.simulation.stack import CHAIN, ROTATING, ROUTES, SHARED, stack_of

LONGEST = 900.0  # virtual seconds after which a command is taken to hang


@dataclass
class Result:
    """How a command ended."""

    process: Process
    began: float = 0.0
    value: Any = None
    error: BaseException | None = None
    said: list[Any] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def refusal(self) -> TealError:
        """Return the error that the command ended with; AssertionError where it is none of Teal's."""
        assert isinstance(self.error, TealError), self.error
        return self.error

    @property
    def killed(self) -> bool:
        return isinstance(self.error, Killed)


class Simulation:
    """The world and what is done in it."""

    proxy = "proxy"  # the service that leads users in
    users_of: type[Users] = Users
    promises_of: type[Promises] = Promises

    def __init__(self, stack: Stack | None = None, *, every: float = 0.1) -> None:
        self.loop = virtual_loop()
        self.loop.set_exception_handler(self._unexpected)
        self.loop.set_task_factory(adopt)
        self.world = World(self.loop, "shop")
        self.stack = stack or stack_of()
        self.users = self.users_of(self.world, self.proxy, ROUTES, CHAIN, every)
        self.promises = self.promises_of(self.world, self.users)
        self.surprises: list[str] = []
        self.pids = 0
        self._processes: dict[asyncio.Task[Result], Process] = {}
        self._works: dict[asyncio.Task[Any], asyncio.Task[Any]] = {}
        self.world.registry = {"caddy:2", "timescale:17"}
        for name in self.world.registry:
            self.world.pull(name)

    # What people do without Teal

    def plain_up(self, services: tuple[str, ...] = (*SHARED, *ROTATING)) -> None:
        """Start the plain stack as ``docker compose up`` does, and wait until it answers."""
        model = self.stack.models[Side.PLAIN]
        for name in ("web", "api"):
            build_image(self.world, model, name)
        for name in services:
            life.start(self.world, make(self.world, model, "shop", name))
        self.sleep(3.0)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def new_source(self, setting: str | None = None) -> int:
        """Let the owner change the source, and perhaps a setting; return its version."""
        self.world.source += 1
        if setting is not None:
            self.stack = stack_of(setting, self.stack.settings)
        return self.world.source

    # Teal's commands

    def ports(self, process: Process) -> Ports:
        """Return the ports of a new process."""
        return Ports(
            engine=SimulatedEngine(self.world, process),
            compose=SimulatedCompose(self.world, process, self.stack),
            proxy=SimulatedProxy(self.world, process, self.users),
            releases=MemoryReleases(self.world, process),
            journal=MemoryJournal(self.world, process),
            logs=MemoryRunLogs(self.world, process),
            reports=MemoryReports(self.world, process),
            lock=MemoryLock(self.world, process),
            clock=SimulatedClock(self.world, process),
            machine=SimulatedMachine(self.world, process),
            databases=SimulatedDatabases(self.world, process),
        )

    def begin(self, name: str, *troubles: Trouble, **options: Any) -> asyncio.Task[Result]:
        """Start the command *name* as a process of its own; it runs while time passes."""
        self.pids += 1
        process = Process(self.world, f"{name}-{self.pids}", troubles, pid=self.pids)
        result = Result(process, self.loop.time())
        work = _COMMANDS[name](self.ports(process), self.stack, result.said.append, **options)
        self.promises.begins(process, name)
        task = self.loop.create_task(self._whole(work, result))
        self._processes[task] = process
        return task

    def run(self, name: str, *troubles: Trouble, **options: Any) -> Result:
        """Run the command *name* to its end, its death included."""
        return self.finish(self.begin(name, *troubles, **options))

    def finish(self, task: asyncio.Task[Result]) -> Result:
        """Let time pass until *task* has ended."""
        result: Result = self.loop.run_until_complete(task)
        self.promises.heard(result.said, result.value, result.error)
        if isinstance(result.value, Status):
            self.promises.status(result.value, result.began)
        return result

    def interrupt(self, task: asyncio.Task[Result]) -> None:
        """Send SIGINT to the command that *task* runs."""
        work = self._works.get(task)
        if work is not None:
            work.cancel()

    def kill(self, task: asyncio.Task[Result]) -> Result:
        """Send SIGKILL to the command that *task* runs."""
        process = self._processes[task]
        process.die()
        process.sweep()
        return self.finish(task)

    async def _whole(self, work: Coroutine[Any, Any, Any], result: Result) -> Result:
        """Run *work* in tasks of its process, which are swept away when it dies."""
        process = result.process
        CURRENT.set(process)
        task = asyncio.ensure_future(work)
        CURRENT.set(None)
        current = asyncio.current_task()
        assert current is not None
        self._works[current] = task
        done, _ = await asyncio.wait({task}, timeout=LONGEST)
        if not done:
            self.promises.broken("hangs", f"{process.name} after {process.effects[-3:]}")
        elif task.cancelled():
            result.error = Interrupted("cancelled")  # the command line says it so
        elif task.exception() is None:
            result.value = task.result()
        else:
            result.error = task.exception()
        process.die()
        process.sweep()
        self.promises.ends(process, result.error)
        return result

    def _unexpected(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Killed | TealError):
            self.surprises.append(f"{context.get('message')}: {error!r}")

    def close(self) -> None:
        """End the world."""
        self.users.flowing = False
        self.sleep(0.1)  # what was cancelled last ends
        self.loop.close()
        for each in (self.world.watchers, self.world.listeners, self.users.dispatching, self.users.ended):
            each.clear()  # they hold the world in circles, which only a long search would free
        self._processes.clear()
        self._works.clear()


def _deploy(ports: Ports, stack: Stack, watch: Callable[[Any], None], **options: Any) -> Coroutine[Any, Any, Any]:
    return deploy(ports, stack, DeployOptions(**options), watch)


def _rollback(ports: Ports, stack: Stack, watch: Callable[[Any], None], **options: Any) -> Coroutine[Any, Any, Any]:
    return rollback(ports, stack, options.pop("to", None), watch, **options)


_COMMANDS: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
    "deploy": _deploy,
    "rollback": _rollback,
    "cleanup": lambda ports, stack, watch: cleanup(ports, stack, watch, dry_run=False),
    "leave": lambda ports, stack, watch, **how: leave(ports, stack, watch, **{"agreed": True, **how}),
    "status": lambda ports, stack, watch: status(ports, stack),
    "restart": lambda ports, stack, watch, **how: restart(ports, stack, watch=watch, **how),
    "stop": lambda ports, stack, watch, **how: stop(ports, stack, watch=watch, **how),
    "down": lambda ports, stack, watch: down(ports, stack, watch),
    "contract": lambda ports, stack, watch, **how: migrate_contract(ports, stack, "", ContractOptions(**how), watch),
    "undo": lambda ports, stack, watch, **how: migrate_undo(ports, stack, watch=watch, **how),
    "window": lambda ports, stack, watch, **how: deploy(
        ports, stack, DeployOptions(strategy="recreate", window=True, force=True, **how), watch
    ),
    "up": lambda ports, stack, watch: up(ports, stack, (), watch),
}
