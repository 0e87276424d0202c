"""The moment of the switch, seen from outside: each rename of the proxy's state file that sends users elsewhere."""

import ctypes
import http.client
import os
import select
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from proof.managed import Managed

IN_MOVED_TO = 0x80
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(slots=True)
class Rename:
    """Users were sent to *users* at *at* (``time.time()``); a user got an answer from there at *answered*."""

    at: float
    users: str
    answered: float | None = None


class Renames:
    """Wakes with each rename in the state's directory, in a thread that goes first; optionally asks at once."""

    def __init__(self, stack: Managed, *, ask: bool = False) -> None:
        self.seen: list[Rename] = []
        self._stack, self._ask = stack, ask
        self._fd = _LIBC.inotify_init1(os.O_CLOEXEC)
        folder = os.fsencode(stack.state.parent)
        if self._fd < 0 or _LIBC.inotify_add_watch(self._fd, folder, IN_MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "the state's directory can't be watched")
        self._end, self._ending = os.pipe()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._ending, b".")
        self._thread.join(5)
        for each in (self._fd, self._end, self._ending):
            os.close(each)

    def _watch(self) -> None:
        with suppress(OSError):  # not permitted: then the stamps are a little later
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
        users = self._users()
        while self._end not in select.select([self._fd, self._end], [], [])[0]:
            at = time.time()
            os.read(self._fd, 1 << 16)
            if (now := self._users()) != users:
                users = now
                self.seen.append(Rename(at, users))
                if self._ask:
                    self.seen[-1].answered = answered(self._stack.http, users)

    def _users(self) -> str:
        with suppress(FileNotFoundError):
            return (self._stack.state.read_text() or "plain").split()[0]
        return "plain"


def answered(address: str, color: str, within: float = 10.0) -> float | None:
    """Ask on new connections until *color* answers; return when, None where it doesn't in time."""
    end = time.time() + within
    while time.time() < end:
        client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=within)
        with suppress(OSError, http.client.HTTPException):
            client.request("GET", "/echo")
            answer = client.getresponse()
            answer.read()
            if answer.headers.get("X-Color") == color:
                return time.time()
        client.close()
    return None
