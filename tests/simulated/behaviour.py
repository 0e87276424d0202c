"""How a service of one version behaves once its process runs; times in seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the code in an image does; the default is a service that boots in a second and works."""

    boot: float = 1.0  # until it answers
    healthy: bool = True  # False: it never answers
    answers: int = 0  # the status of its answers until it is ready, 0 for none
    gives_up: float = 25.0  # when the engine calls it unhealthy, where it never answers
    exits_after: float | None = None  # seconds after each start
    exits_after_ready: float | None = None  # seconds after it first answered
    exits_after_switch: float | None = None  # seconds after users were first sent to it
    mute_for_users: bool = False  # it answers nobody any more once users are sent to it; its healthcheck stays well
    exit_code: int = 1
    oom: bool = False  # it ends because the kernel killed it for its memory
    flaps: float | None = None  # after so many seconds of answering it stops answering
    stop: float = 0.2  # from SIGTERM to its end
    ignores_sigterm: bool = False
    says: tuple[str, ...] = ()  # its whole log after each start; else it says that it starts, listens and ends
    once: float = 1.5  # how long it runs as a one-shot
    once_status: int = 0
    builds: bool = True  # False: its build fails
    memory: int = 100 * 1024**2  # bytes
