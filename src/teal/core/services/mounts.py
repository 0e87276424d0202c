"""What two releases at once would do to each writable mount: the first rule that holds.

1. What teal.yml calls safe is safe.
2. A socket, and what belongs to the machine, is nobody's data.
3. The source of its service is source; what the image of a known product puts into its volume is one writer's.
4. What the disk shows: a database, an index or a repository in it is one writer's, whatever its name.
5. What a variable or the command says: a database file in it is one writer's.
6. A name that says index, queue, lock, database … is one writer's.
7. A name that says uploads, media, logs, cache … is safe.
8. A file of the project, and a folder of settings, is configuration.
9. What two running services of the release write already is safe by that.
10. Pictures and documents alone, or nothing where a database server keeps the data, are safe.
11. Where no database server keeps the data, it lies there: one writer's. Else nobody can tell, and a person is asked.

A wrong *safe* loses data, a wrong *ask* costs a line: of two rules the careful one comes first.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from teal.core.model.compose import (
    Node,
    environment_of,
    last_part,
    mapping,
    replicas_of,
    sequence,
    services_in,
    text,
    unescaped,
    words_of,
)
from teal.core.model.mounts import Mount, Seen, Verdict
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Role, Stack
from teal.core.services import known_images
from teal.core.services.disk_words import all_documents, all_settings, is_empty, is_read, is_settings, proof
from teal.core.services.mount_words import (
    danger_in,
    is_certificates,
    is_home,
    is_libraries,
    is_log,
    is_output,
    is_program_root,
    safe_in,
    settings_in,
)

# Mounted from the machine, written by nobody or made for many.
MACHINE = ("/dev", "/proc", "/sys", "/etc/localtime", "/etc/timezone", "/tmp/.X11-unix")  # noqa: S108
_SERVERS = frozenset({"database"})
_NO_SERVERS = frozenset({"etcd", "consul", "zookeeper", "pgbouncer", "pgpool", "server"})
_SERVER_URL = re.compile(
    r"\b(?:postgres(?:ql)?|mysql2?|mariadb|mongodb|sqlserver|mssql|cockroachdb)(?:\+\w+)*://", re.I
)
_EMBEDDED = re.compile(r"sqlite|\bh2\b|\bbolt\b|\bduckdb\b|\bleveldb\b|\blmdb\b", re.I)
_OF_DATABASES = frozenset({"SQLITE", "SQLITE3", "DB", "DATABASE"})  # in a variable's name, beside a path
_OF_COPIES = frozenset({"BACKUP", "BACKUPS", "DUMP", "DUMPS", "EXPORT"})
_DATABASE_FILE = re.compile(r"(?:^|[=:/\s\"'])((?:[\w.@-]*/)*[\w.@-]+\.(?:db|sqlite|sqlite3|db3|mdb|duckdb))(?![\w.])")
# Images that put themselves into their volume: the program that is there is the one that runs.
_SETTLERS_WORDS = """wordpress nextcloud drupal joomla matomo moodle mediawiki owncloud phpbb prestashop magento"""
_SETTLERS = frozenset(_SETTLERS_WORDS.split())


@dataclass(frozen=True, slots=True)
class Look:
    """What the verdicts are told by, beside the model and the roles."""

    directory: str = ""  # of the project
    safe: frozenset[tuple[str, str]] = frozenset()  # (service, target) that teal.yml declares
    sources: frozenset[tuple[str, str]] = frozenset()  # (service, folder): its own source, mounted over its image
    seen: Mapping[str, Seen] = field(default_factory=dict)  # volume key or host path -> what was seen there


def judge_mounts(
    model: Node, roles: Mapping[str, Assigned], look: Look, other: Node | None = None
) -> tuple[Mount, ...]:
    """Return the verdict on each writable mount of what rotates, in the file's order.

    *other*: the model of the other color, whose mounts an overlay may have made its own.
    """
    judge = _Judge(model, roles, look, services_in(other or model))
    return tuple(mount for name, assigned in roles.items() if assigned.role.rotates for mount in judge.of(name))


def writable(service: Node) -> Iterator[Node]:
    """Yield the volumes and binds that the container of *service* may write to."""
    for volume in map(mapping, sequence(service.get("volumes"))):
        if volume.get("type") in {"volume", "bind"} and not volume.get("read_only"):
            yield volume


def source_of(volume: Node) -> str:
    """Return where *volume* lies: its key, or the path on this machine without a slash at its end."""
    source = unescaped(volume.get("source"))
    return source.rstrip("/") or source[:1]


def target_of(volume: Node) -> str:
    """Return the path in the container."""
    return unescaped(volume.get("target")).rstrip("/") or "/"


@dataclass(frozen=True, slots=True)
class _Place:
    """One mount as it is judged."""

    service: str
    volume: Node
    source: str
    target: str
    seen: Seen
    inside: bool  # of the project's folder

    @property
    def bound(self) -> bool:
        return self.volume.get("type") == "bind"

    @property
    def name(self) -> str:
        """Its last part, as people call it: the volume's key, or the last part of the host path."""
        return posixpath.basename(self.source) if self.bound else self.source


_Found = tuple[Verdict, str]


class _Judge:
    def __init__(self, model: Node, roles: Mapping[str, Assigned], look: Look, other: Mapping[str, Node]) -> None:
        self._services, self._roles, self._look, self._other = services_in(model), roles, look, other
        self._servers = frozenset(name for name in roles if self._is_server(name))

    def of(self, name: str) -> Iterator[Mount]:
        for volume in writable(self._services[name]):
            source, target = source_of(volume), target_of(volume)
            bound = volume.get("type") == "bind"
            inside = bound and _within(source, self._look.directory)
            place = _Place(name, volume, source, target, self._look.seen.get(source, Seen()), inside)
            (verdict, reason), proven = self._verdict(place)
            declared = (name, target) in self._look.safe
            yield Mount(name, target, source, "bind" if bound else "volume", verdict, reason, declared, proven)

    def _verdict(self, place: _Place) -> tuple[_Found, bool]:
        sure = self._said(place) or self._source(place)
        if sure:
            return sure, False
        shown = self._shown(place)
        if shown:
            return (Verdict.UNSAFE, shown), True
        named = self._product(place) or self._named(place) or self._configured(place)
        return named or self._told_by_others(place) or self._unknown(place), False

    def _said(self, place: _Place) -> _Found | None:
        if (place.service, place.target) in self._look.safe:
            return Verdict.SAFE, "declared in teal.yml"
        if place.seen.kind == "socket" or place.source.endswith(".sock"):
            return Verdict.SAFE, "a socket"
        if place.bound and any(_within(place.source, each) for each in MACHINE):
            return Verdict.SAFE, "the machine's own"
        if self._apart(place):
            return Verdict.SAFE, "each color has its own, by the overlays"
        return None

    def _apart(self, place: _Place) -> bool:
        """Tell whether an overlay gives the other color another place at the same target."""
        there = [each for each in writable(self._other.get(place.service, {})) if target_of(each) == place.target]
        return bool(there) and all(source_of(each) != place.source for each in there)

    def _source(self, place: _Place) -> _Found | None:
        if (place.service, place.source) in self._look.sources:
            return Verdict.SOURCE, f"the source of {place.service}"
        build = mapping(self._services[place.service].get("build"))
        context = unescaped(build.get("context")).rstrip("/")
        if place.bound and place.source == self._look.directory and build:
            return Verdict.SOURCE, "the project's folder"
        if place.bound and context and (place.source == context or place.source == f"{context}/src"):
            return Verdict.SOURCE, f"what {place.service} is built from"
        return None

    def _shown(self, place: _Place) -> str:
        """Return what proves one writer: on the disk, in a variable, or by who else has it."""
        if place.seen.kind == "file" and (place.seen.databases or proof((place.name,))):
            return f"{place.name} is a database"
        found = place.seen.databases or ((shown,) if (shown := proof(place.seen.names)) else ())
        if place.seen.kind == "folder" and found:
            return f"{found[0]} lies in it"
        return self._variable(place) or self._store(place)

    def _variable(self, place: _Place) -> str:
        service = self._services[place.service]
        for name, value in environment_of(service).items():
            for file in _DATABASE_FILE.findall(value):
                if _names_file_in(file, place.target):
                    return f"{name} names a database file in it"
            if _is_database_path(name, value) and _within(value, place.target):
                return f"{name} says that a database lies in it"
        for word in words_of(service):
            if any(_names_file_in(file, place.target) for file in _DATABASE_FILE.findall(word)):
                return "the command names a database file in it"
        return ""

    def _store(self, place: _Place) -> str:
        for name in self._servers:
            for volume in writable(self._services[name]):
                if place.source and source_of(volume) == place.source:
                    return f"it holds the data of {name}"
        return ""

    def _product(self, place: _Place) -> _Found | None:
        """Judge what keeps a program, which only one release can have."""
        image = last_part(text(self._services[place.service].get("image")))
        if not place.source:
            return None
        if is_program_root(place.target) and (image in _SETTLERS or not place.bound):
            return Verdict.UNSAFE, "the program itself lies in it"
        if is_output(place.name, place.target):
            return Verdict.ASK, "a build's output lies in it"
        if is_libraries(place.target):
            return Verdict.UNSAFE, "libraries of one release lie in it"
        if place.bound and place.source == self._look.directory:
            return Verdict.UNSAFE, "it is the project's folder"
        return None

    def _named(self, place: _Place) -> _Found | None:
        file = place.bound and place.seen.kind == "file"
        if file and is_settings(place.name):
            return None
        if not place.source:  # each color has its own: what is lost with a color matters
            if safe_in("", place.target, keeps=True) or is_libraries(place.target):
                return Verdict.SAFE, "without a name: each color has its own"
            return None
        word = danger_in(place.name, place.target)
        if word:
            return Verdict.UNSAFE, f"its name says {word}"
        if file:
            return (Verdict.SAFE, "a log") if is_log(place.name) else None
        word = safe_in(place.name, place.target, keeps=self._keeps_elsewhere(place))
        return (Verdict.SAFE, f"its name says {word}") if word else None

    def _configured(self, place: _Place) -> _Found | None:
        if not place.bound:
            return None
        if place.seen.kind == "file":
            if is_certificates(place.name):
                return Verdict.SAFE, "certificates, which are renewed"
            return (Verdict.CONFIGURATION, "a file") if is_read(place.name, place.target) else None
        if place.seen.kind != "folder" or not place.inside:
            return None
        below_etc = _within(place.target, "/etc")
        word = settings_in(place.name, place.target)
        if below_etc and place.seen.names:
            return Verdict.CONFIGURATION, "below /etc"
        if not word or not place.seen.names:
            return None
        if word in {"config", "conf", "settings"} and not (self._keeps_elsewhere(place) and self._all_settings(place)):
            return None  # where no server keeps the data, many a product has its database there
        return Verdict.CONFIGURATION, f"its name says {word}"

    @staticmethod
    def _all_settings(place: _Place) -> bool:
        return place.seen.whole and all_settings(place.seen.names)

    def _told_by_others(self, place: _Place) -> _Found | None:
        if not place.source or not self._keeps_elsewhere(place):
            return None
        writers = [name for name in self._roles if self._writes(name, place.source)]
        if len(writers) > 1:
            others = ", ".join(name for name in writers if name != place.service)
            return Verdict.SAFE, f"{others} writes it already, beside {place.service}"
        if replicas_of(self._services[place.service]) > 1:
            return Verdict.SAFE, f"{replicas_of(self._services[place.service])} of {place.service} write it already"
        return None

    def _writes(self, name: str, source: str) -> bool:
        if self._roles[name].role not in {Role.ROUTE, Role.WORKER}:
            return False
        return any(source_of(each) == source for each in writable(self._services[name]))

    def _unknown(self, place: _Place) -> _Found:
        if not place.source:
            return Verdict.ASK, "a volume without a name: what it holds would stay behind with its release"
        seen = place.seen
        if seen.kind == "folder" and seen.whole:
            at_home = is_home(place.name, place.target) and not self._keeps_elsewhere(place)
            if all_documents(seen.names) and not at_home:
                return Verdict.SAFE, "only pictures and documents lie in it"
            if is_empty(seen.names) and self._keeps_elsewhere(place) and not is_home(place.name, place.target):
                return Verdict.SAFE, "it is empty, and a database server keeps the data"
        if place.bound and not seen.kind:
            where = "nothing is there yet" if place.inside else "it can't be looked at"
            if self._keeps_elsewhere(place) or place.inside:
                return Verdict.ASK, f"its name tells nothing, and {where}"
        if self._keeps_elsewhere(place):
            return Verdict.ASK, "its name tells nothing"
        return Verdict.UNSAFE, "no database server keeps its data: they lie there"

    def _is_server(self, name: str) -> bool:
        service = self._services[name]
        if self._roles[name].role is not Role.SHARED:
            return False
        image = last_part(text(service.get("image")))
        known = known_images.known(text(service.get("image"))) in _SERVERS and image not in _NO_SERVERS
        places = (target_of(volume) for volume in writable(service))
        return known or any(map(known_images.on_data_path, places)) or bool(_servers_own(service))

    def _keeps_elsewhere(self, place: _Place) -> bool:
        """Tell whether a database server keeps the data of the service, in this stack or elsewhere."""
        service = self._services[place.service]
        values = environment_of(service)
        if any(_EMBEDDED.search(word) for pair in values.items() for word in pair):
            return False
        if any(_SERVER_URL.search(value) for value in (*values.values(), *words_of(service))):
            return True
        if any(_names(server, service) for server in self._servers):
            return True
        if not self._servers:
            return False
        others = [name for name in self._roles if self._roles[name].role.rotates and name != place.service]
        return not any(_names(server, self._services[each]) for each in others for server in self._servers)


def _servers_own(service: Node) -> Collection[str]:
    return known_images.VARIABLES & set(environment_of(service)) if not service.get("command") else ()


def _names(server: str, service: Node) -> bool:
    """Tell whether *service* speaks of *server*: waits for it, or names it in a variable or its command."""
    if server in mapping(service.get("depends_on")) or server in " ".join(map(text, sequence(service.get("links")))):
        return True
    whole = re.compile(rf"(?<![\w.-]){re.escape(server)}(?![\w-])")
    return any(whole.search(value) for value in (*environment_of(service).values(), *words_of(service)))


def _is_database_path(name: str, value: str) -> bool:
    words = {*name.upper().split("_")}
    return bool(words & _OF_DATABASES) and not words & _OF_COPIES and value.startswith("/")


def _within(path: str, folder: str) -> bool:
    return bool(folder) and (path == folder or path.startswith(folder.rstrip("/") + "/"))


def _names_file_in(file: str, target: str) -> bool:
    """Tell whether *file*, as a variable has it, lies below *target*; a relative one by its folder's last parts."""
    if file.startswith("/"):
        path = posixpath.normpath("/" + file.lstrip("/"))
        return _within(path, target)
    folder = posixpath.dirname(posixpath.normpath(file))
    return bool(folder) and (
        target.endswith("/" + folder) or f"/{folder}/".startswith(f"/{posixpath.basename(target)}/")
    )


def kept_by_data(
    mounts: Collection[Mount], model: Node, roles: Mapping[str, Assigned], declared: Collection[str]
) -> dict[str, str]:
    """Return the services that become shared by themselves, with the reason: one writer's data, another route is left.

    One that runs the image of a service that goes on rotating does not: a release would leave half of itself behind.
    *declared*: whose role the owner has said.
    """
    unsafe = {mount.service: mount for mount in reversed(list(mounts)) if acts(mount, roles)}
    left = [name for name, each in roles.items() if each.role is Role.ROUTE and name not in unsafe]
    if not left:
        return {}
    services = services_in(model)
    rotating = [name for name, each in roles.items() if each.role.rotates and name not in unsafe]
    alike = {made for name in rotating if (made := _made_of(services[name]))}
    return {
        name: f"one writer's data in {mount.target}: {mount.reason}"
        for name, mount in unsafe.items()
        if name not in declared and _made_of(services[name]) not in alike
    }


def acts(mount: Mount, roles: Mapping[str, Assigned]) -> bool:
    """Tell whether *mount* is one writer's, and its service one of which two would run at once."""
    return mount.verdict is Verdict.UNSAFE and roles[mount.service].role in {Role.ROUTE, Role.WORKER}


def one_shots_of_one_writer(stack: Stack) -> frozenset[str]:
    """Return the one-shots that write to a mount of a rotating service that is, or may be, one writer's."""
    places = {m.source for m in stack.mounts if m.verdict in {Verdict.UNSAFE, Verdict.ASK} and m.source}
    services = services_in(stack.models.get(Side.BLUE, {}))
    ones = (each.name for each in stack.having(Role.ONE_SHOT))
    return frozenset(name for name in ones if any(source_of(v) in places for v in writable(services.get(name, {}))))


def _made_of(service: Node) -> tuple[str, ...]:
    build = mapping(service.get("build"))
    if build:
        return (text(build.get("context")), text(build.get("dockerfile")), text(build.get("target")))
    return (text(service.get("image")),)
