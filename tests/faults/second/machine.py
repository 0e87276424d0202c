"""A second Docker Engine on a machine of its own: a network namespace, where nothing of it meets the first one.

Two daemons in one network namespace would flush each other's firewall rules. So the second one has a namespace of its
own, and whoever works with it goes there: `inside` moves the calling thread, and the processes that it starts.
Containerd is the test's own too, as on a machine where both are services: a daemon that ends doesn't take it along.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.engine.stack import wait_until

NEW_NET = 0x40000000  # CLONE_NEWNET
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
CONTAINERD = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
ROOM = "4g"  # of the filesystem below the engine's data
_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: str) -> None:
    """Move the calling thread into a network namespace."""
    with open(namespace, "rb") as file:  # noqa: PTH123 (a Path would not help)
        if _libc.setns(file.fileno(), NEW_NET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Be in *namespace* for a while, with all processes that are started meanwhile."""
    with open("/proc/thread-self/ns/net", "rb") as home:  # noqa: PTH123
        _enter(namespace)
        try:
            yield
        finally:
            assert _libc.setns(home.fileno(), NEW_NET) == 0


def _loopback_up() -> None:
    with socket.socket() as anything:
        fcntl.ioctl(anything, SET_FLAGS, struct.pack("16sH14x", b"lo", UP))


class Disk:
    """A small filesystem of its own, which can be made full at once and free again."""

    def __init__(self, path: Path, size: str) -> None:
        self.path, self._size = path, size
        path.mkdir(exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "teal-test", str(path))

    def fill(self, *, but: int = 0) -> None:
        """Leave *but* bytes free and no more."""
        used = shutil.disk_usage(self.path).used
        _run("mount", "-o", f"remount,size={used + but}", str(self.path))

    def free(self) -> None:
        """Give the space back."""
        _run("mount", "-o", f"remount,size={self._size}", str(self.path))

    def close(self) -> None:
        """Unmount all that is mounted there or below."""
        _unmount(_mounts(self.path))


def _mounts(below: Path) -> list[str]:
    """Return what is mounted at or below a folder."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return [mount for mount in mounts if mount == str(below) or mount.startswith(f"{below}/")]


def _unmount(mounts: Iterable[str]) -> None:
    for mount in sorted(mounts, key=len, reverse=True):
        _run("umount", "--lazy", mount)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=60)


class Machine:
    """The namespace, containerd and dockerd; nothing of them is left after `close`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="teal-test-"))
        self._closing = ExitStack()
        self._closing.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.run = self.folder / "run"
        self.run.mkdir()
        self.log = self.folder / "dockerd.log"
        self._engine: subprocess.Popen[bytes] | None = None
        self._containerd: subprocess.Popen[bytes] | None = None
        self._live_restore = False

    def __enter__(self) -> Machine:
        try:
            assert os.geteuid() == 0, "a second engine needs root: run the tests with sudo"
            self.disk = Disk(self.folder / "data", ROOM)
            self._closing.callback(self.disk.close)
            self._closing.callback(self._kill, ())
            holder = self._start("unshare", "--net", "sleep", "infinity")
            mine = Path("/proc/self/ns/net").readlink()
            self.namespace = f"/proc/{holder.pid}/ns/net"
            wait_until(lambda: Path(self.namespace).readlink() != mine, "a network of its own")
            with inside(self.namespace):
                _loopback_up()
                self._start_containerd()
                self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def host(self) -> str:
        """Return what DOCKER_HOST must be."""
        return f"unix://{self.run}/docker.sock"

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with this one, and is ended by `close`."""
        with self.log.open("ab") as log:
            guarded = ("setpriv", "--pdeathsig", "KILL", *words)
            process = subprocess.Popen(guarded, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0)
        self._closing.callback(_end, process)
        return process

    def _start_containerd(self) -> None:
        config, state = self.folder / "containerd.toml", self.run / "containerd"
        config.write_text(CONTAINERD, encoding="ascii")
        where = ("--root", str(self.disk.path / "containerd"), "--state", str(state))
        asked = ("--config", str(config), *where, "--address", f"{state}.sock", "--log-level", "warn")
        self._containerd = self._start("containerd", *asked)
        wait_until(Path(f"{state}.sock").exists, "containerd listens")

    def configure(self, *, live_restore: bool) -> None:
        """Let containers live through an end of the engine, or not."""
        config = {"live-restore": live_restore, "ip6tables": False, "log-level": "warn"}
        self._live_restore = live_restore
        (self.folder / "daemon.json").write_text(json.dumps(config), encoding="ascii")
        if self._engine and self._engine.poll() is None:
            self._engine.send_signal(signal.SIGHUP)
            wait_until(self._is_configured, "the engine has read its configuration again")

    def _is_configured(self) -> bool:
        return self.docker("info", "--format", "{{.LiveRestoreEnabled}}") == str(self._live_restore).lower()

    def start(self) -> None:
        """Start the engine, and return when it answers."""
        if not (self.folder / "daemon.json").exists():
            self.configure(live_restore=False)
        where = ("--data-root", str(self.disk.path / "docker"), "--exec-root", str(self.run / "exec"))
        files = ("--config-file", str(self.folder / "daemon.json"), "--pidfile", str(self.run / "docker.pid"))
        with inside(self.namespace):
            self._engine = self._start(
                "dockerd", "--host", self.host, *where, *files, "--containerd", str(self.run / "containerd.sock"),
                "--containerd-namespace", "teal-test", "--containerd-plugins-namespace", "teal-test-plugins",
            )  # fmt: skip
        wait_until(self.answers, "the second engine answers", within=60)

    def answers(self) -> bool:
        """Tell whether the engine answers."""
        assert self._engine is not None
        assert self._engine.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        with suppress(subprocess.SubprocessError):
            return bool(self.docker("version", "--format", "{{.Server.Version}}"))
        return False

    def stop(self, which: signal.Signals = signal.SIGTERM) -> None:
        """End the engine, and return when it has ended."""
        assert self._engine is not None
        self._engine.send_signal(which)
        self._engine.wait(60)

    def restart(self, which: signal.Signals = signal.SIGTERM, *, after: float = 0) -> None:
        """End the engine, and start it again *after* seconds."""
        self.stop(which)
        time.sleep(after)
        self.start()

    def power_cut(self) -> None:
        """End everything on this machine at once, and start the engine again; what lies in memory alone is gone."""
        assert self._engine is not None
        assert self._containerd is not None
        inits = self.docker("inspect", "--format", "{{.State.Pid}}", *self.docker("ps", "--quiet").split()).split()
        for process in (self._engine, self._containerd):
            process.kill()
            process.wait()
        self._kill(map(int, inits))
        wait_until(lambda: not self._shims(), "nothing runs any more")
        _unmount(mount for mount in _mounts(self.folder) if mount not in {str(self.disk.path), str(self.state)})
        shutil.rmtree(self.run)
        self.run.mkdir()
        with inside(self.namespace):
            self._start_containerd()
            self.start()

    @property
    def state(self) -> Path:
        """Return where the state of Teal lies, on a filesystem of its own."""
        return self.folder / "state"

    def _kill(self, inits: Iterable[int]) -> None:
        """Kill what holds containers, and *inits*; an engine that crashed in a start leaves some that it forgot."""
        shims = self._shims()
        for pid in (*shims, *(child for shim in shims for child in _children(shim)), *inits):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _shims(self) -> list[int]:
        """Return the processes that hold this machine's containers."""
        commands = {file.parent.name: file for file in Path("/proc").glob("[0-9]*/cmdline")}
        return [int(pid) for pid, file in commands.items() if self._is_shim(file)]

    def _is_shim(self, file: Path) -> bool:
        with suppress(OSError):  # it has just ended
            command = file.read_bytes()
            return b"containerd-shim" in command and bytes(self.run) in command
        return False

    def docker(self, *words: str, stdin: int | None = None, within: float = 120) -> str:
        """Run ``docker WORDS`` on this engine."""
        told = {**os.environ, "DOCKER_HOST": self.host}
        ended = subprocess.run(
            ["docker", *words], env=told, stdin=stdin, capture_output=True, text=True, timeout=within, check=True
        )
        return ended.stdout.strip()

    def load(self, *images: str) -> None:
        """Bring *images* from the first engine."""
        outside = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"}
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE, env=outside) as saving:
            assert saving.stdout is not None
            self.docker("load", "--quiet", stdin=saving.stdout.fileno(), within=300)
        assert saving.returncode == 0

    def close(self) -> None:
        """End everything, and remove all that it has left."""
        if self._engine:
            with suppress(subprocess.SubprocessError, AssertionError):
                self._remove_all()
        self._closing.close()

    def _remove_all(self) -> None:
        """Remove every container: one would go on without its engine."""
        assert self._engine is not None
        self.disk.free()
        if self._engine.poll() is not None:
            self.start()
        self.docker("rm", "--force", *self.docker("ps", "--all", "--quiet").split())


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return []


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, gently first."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
    if process.poll() is None:
        process.kill()
        process.wait()
