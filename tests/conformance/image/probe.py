"""Says as one line of JSON what a process inside of a container sees, then serves HTTP until it is told to stop.

With arguments ``names NAME…`` it says instead which addresses the names have, with ``files PATH…`` what is there, with
``look`` the same report once more, and ends.
"""

import grp
import hashlib
import http.server
import json
import os
import pathlib
import resource
import signal
import socket
import stat
import sys
import threading

SYSCTLS = (
    *("net/core/somaxconn", "net/ipv4/ip_unprivileged_port_start", "net/ipv6/conf/all/disable_ipv6"),
    *("net/ipv4/conf/all/rp_filter", "net/ipv4/tcp_syncookies", "kernel/shmmax", "kernel/msgmax", "kernel/domainname"),
)
CONTROLS = (
    *("cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.rt_runtime_us", "cpu.weight", "cpu.max"),
    *("cpuset.cpus", "pids.max", "memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.swappiness"),
    *("memory.memsw.limit_in_bytes", "memory.oom_control", "memory.max", "memory.low", "memory.swap.max"),
    *("blkio.weight", "blkio.throttle.read_bps_device", "blkio.throttle.write_iops_device", "io.weight", "io.max"),
    "devices.list",
)
LOOKED_AT = ("/run/secrets", "/conform", "/etc/passwd", "/etc/conform", "/var/run/docker.sock", "/run/configs")
MOST = 50  # files below one place that are told
STATUS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Groups", "Umask", "Uid", "Gid")


def text(path: str) -> str:
    """Return what stands in a file, or why it can't be read."""
    try:
        return pathlib.Path(path).read_text(errors="replace").strip()
    except OSError as error:
        return f"({type(error).__name__})"


def report() -> dict[str, object]:
    """Return everything."""
    return {
        "arguments": sys.argv[1:],
        "executable": pathlib.Path(text("/proc/self/cmdline").split("\0")[0]).name,
        "environment": dict(os.environ),
        "directory": str(pathlib.Path.cwd()),
        "first": text("/proc/1/comm"),
        "is first": os.getpid() == 1,
        "status": {key: value.strip() for key, value in status() if key in STATUS},
        "groups": sorted(group_name(each) for each in os.getgroups()),
        "oom": text("/proc/self/oom_score_adj"),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT_" in name},
        "terminals": [os.isatty(each) for each in range(3)],
        "input": stat.filemode(os.fstat(0).st_mode)[0],
        "host name": socket.gethostname(),
        "name spaces": {each.name: str(each.readlink()) for each in pathlib.Path("/proc/self/ns").iterdir()},
        "hosts": text("/etc/hosts").splitlines(),
        "resolver": [line for line in text("/etc/resolv.conf").splitlines() if line],
        "sysctls": {name: text(f"/proc/sys/{name}") for name in SYSCTLS},
        "control groups": dict(controls()),
        "mounts": sorted(mounts()),
        "devices": sorted(devices()),
        "interfaces": {each.name: interface(each) for each in pathlib.Path("/sys/class/net").iterdir()},
        "routes": sorted(line.split()[0] + " " + line.split()[1] for line in text("/proc/net/route").splitlines()[1:]),
        "files": {path: told for place in LOOKED_AT for path, told in files(pathlib.Path(place))},
        "size of /dev/shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize,
        "root may be written": os.access("/", os.W_OK) and not os.statvfs("/").f_flag & os.ST_RDONLY,
    }


def status():
    for line in text("/proc/self/status").splitlines():
        yield line.split(":", 1)


def group_name(number: int) -> str:
    try:
        return f"{number} {grp.getgrgid(number).gr_name}"
    except KeyError:
        return str(number)


def controls():
    """Yield the limits of the own control group, of either version."""
    for root in ("", "cpu", "cpuset", "pids", "memory", "blkio", "devices"):
        for name in CONTROLS:
            path = pathlib.Path("/sys/fs/cgroup", root, name)
            if path.is_file():
                yield name, text(str(path))


def mounts():
    """Yield place, kind and options of each mount; a file system is named by its kind, never by its device."""
    for line in text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        place, options = before.split()[4:6]
        shared = " ".join(word.split(":")[0] for word in before.split()[6:])
        kind, _, more = after.split()
        kept = [each for each in more.split(",") if not each.startswith(("lowerdir", "upperdir", "workdir", "errors"))]
        yield f"{place} {kind} {options} {shared} {','.join(kept) if kind == 'tmpfs' else ''}".rstrip()


def devices():
    for path in pathlib.Path("/dev").iterdir():
        found = path.lstat()
        if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
            number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
            yield f"{path.name} {stat.filemode(found.st_mode)} {number}"


def interface(path: pathlib.Path) -> dict[str, str]:
    return {"mtu": text(f"{path}/mtu"), "address": text(f"{path}/address"), "ipv6": ipv6(path.name)}


def ipv6(name: str) -> str:
    """Return the scopes of the IPv6 addresses of an interface."""
    words = [line.split() for line in text("/proc/net/if_inet6").splitlines()]
    return " ".join(sorted(each[3] for each in words if each[-1] == name))


def files(path: pathlib.Path):
    """Yield what is at *path* and below: owner, mode and what it holds."""
    try:
        found = path.lstat()
    except OSError:
        return
    owner = f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}"
    if stat.S_ISREG(found.st_mode):
        yield str(path), f"{owner} {content(path)}"
        return
    yield str(path), owner
    if stat.S_ISDIR(found.st_mode):
        with_all = []
        try:
            with_all = sorted(path.iterdir())[:MOST]
        except OSError as error:
            yield f"{path}/", type(error).__name__
        for each in with_all:
            yield from files(each)


def content(path: pathlib.Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"({type(error).__name__})"
    return repr(data) if len(data) < 400 else f"{len(data)} bytes {hashlib.sha256(data).hexdigest()}"


def addresses(name: str) -> list[str]:
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, None)})
    except OSError:
        return []


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request with a word."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing: what is logged is the report alone."""


def serve() -> None:
    try:
        server = http.server.ThreadingHTTPServer(("", 8000), Handler)
    except OSError:
        return  # somebody else in this network has the port
    threading.Thread(target=server.serve_forever, daemon=True).start()


if sys.argv[1:2] == ["names"]:
    print(json.dumps({name: addresses(name) for name in sys.argv[2:]}))
elif sys.argv[1:2] == ["files"]:
    print(json.dumps({path: told for place in sys.argv[2:] for path, told in files(pathlib.Path(place))}))
elif sys.argv[1:2] == ["look"]:
    print(json.dumps(report()))
else:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGQUIT):
        signal.signal(number, lambda *_: os._exit(0))
    print(json.dumps(report()), flush=True)
    serve()
    while True:
        signal.pause()
