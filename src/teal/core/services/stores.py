"""What keeps data, or runs apart from every release: stores, monitors, tunnels, what holds a device or Docker's socket.

Image and data path decide. Variables count only where they are a server's own, and nothing else of the service says
that it is a client. What looks like a store and is not known is not rotated: its owner may say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from teal.core.model.built import Made
from teal.core.model.compose import Node, environment_of, mapping, sequence, text, unescaped, words_of
from teal.core.services import known_images
from teal.core.services.ports import STORE_PORTS, best, exposed, held, is_usual, published, spoken_at

_SHELLS = frozenset({"sh", "bash", "ash", "/bin/sh", "/bin/bash", "/bin/ash", "/bin/dash", "dash"})
_CLIENT_PROGRAMS = """
    pg_dump pg_dumpall psql pg_basebackup createdb mysqldump mysql mariadb-dump mongodump mongosh mongo redis-cli
    kafka-topics kafka-topics.sh rabbitmqadmin mc clickhouse-client cqlsh
"""
_CLIENTS = frozenset(_CLIENT_PROGRAMS.split())
_SERVERS = (
    *("redis-server", "valkey-server", "keydb-server", "mongod", "postgres", "mysqld", "mariadbd", "rabbitmq-server"),
    *("minio server", "nats-server", "clickhouse-server", "cockroach start", "influxd", "sqlservr", "elasticsearch"),
    *("docker-entrypoint", "/entrypoint.sh", "eswrapper", "kafka-server-start", "/etc/confluent", "sentinel.conf"),
)
_PROGRAMS = """
    redis-server valkey-server keydb-server redis-sentinel mongod postgres mysqld mariadbd rabbitmq-server nats-server
    clickhouse-server etcd memcached influxd cockroach dragonfly meilisearch qdrant
"""
_SERVER_PROGRAMS = frozenset(_PROGRAMS.split())
_HOST_WORDS = frozenset(
    {"host", "hostname", "url", "uri", "dsn", "endpoint", "server", "addr", "address", "connection"}
)
_UDP_FEW = 3  # ports: more are a media or game server's


def image_of(service: Node, made: Made | None) -> str:
    """Return the image that *service* runs, or that the one that it builds begins from."""
    return (made.image if made else "") if service.get("build") else text(service.get("image"))


def known_store(service: Node, made: Made | None) -> str:
    """Return why *service* surely keeps data: its image, or the place of a mount; empty where nothing shows it."""
    image = image_of(service, made)
    kind = known_images.known(image)
    if kind in known_images.STORES and not runs_a_client(service):
        return f"{known_images.parts_of(image)[1]} is a {kind}"
    server = _server_run(service)
    if server:
        return f"it runs {server}"
    volumes = [mapping(volume) for volume in sequence(service.get("volumes"))]
    targets = [unescaped(volume.get("target")) for volume in volumes if not volume.get("read_only")]
    place = next((target for target in targets if known_images.on_data_path(target)), "")
    return f"it keeps a database in {place}" if place and not runs_a_client(service) else ""


def _server_run(service: Node) -> str:
    """Return which store's own program the command begins with, whatever the image is called; empty for none."""
    words = words_of(service)
    program = words[0].rsplit("/", 1)[-1] if words else ""
    if program in _SERVER_PROGRAMS:
        return program
    minio = words[:1] == ("server",) and len(words) > 1 and words[1].startswith(("/", "http"))
    return "MinIO" if minio and "MINIO_ROOT_USER" in environment_of(service) else ""


def runs_a_client(service: Node) -> bool:
    """Tell whether the command is a script or a client: a job that has the image of a store for its tools."""
    words = words_of(service)
    if not words:
        return False
    line = " ".join(words)
    program = words[0].rsplit("/", 1)[-1]
    if program in _CLIENTS:
        return not (program == "mysql" and "mysqld" in line)
    scripted = words[0] in _SHELLS or program.endswith(".sh")
    return scripted and not any(server in line for server in _SERVERS)


def helper(service: Node, made: Made | None) -> str:
    """Return why *service* runs apart from every release though it is no store; empty where nothing shows it."""
    image = image_of(service, made)
    kind = known_images.known(image)
    if kind and kind not in known_images.STORES:
        return f"{known_images.parts_of(image)[1]} is a {kind}"
    if known_images.parts_of(image)[1] in known_images.COMPANIONS:
        return "it keeps the certificates of a front"
    if service.get("build"):
        return ""
    if not held(service) and _holds_the_socket(service):
        return "it acts on Docker through its socket, and publishes nothing"
    return _by_its_place(service)


def _holds_the_socket(service: Node) -> bool:
    sources = (unescaped(mapping(volume).get("source")) for volume in sequence(service.get("volumes")))
    return any(source.endswith(("docker.sock", "podman.sock")) for source in sources)


def _by_its_place(service: Node) -> str:
    """Say what of the machine a foreign image holds, of which there is one only."""
    if "NET_ADMIN" in map(text, sequence(service.get("cap_add"))):
        return "it changes the network of the machine (NET_ADMIN)"
    device = next((name for name in _devices(service) if known_images.EXCLUSIVE_DEVICES.search(name.lower())), "")
    if device:
        return f"it holds the device {device}"
    if text(service.get("pid")) == "host":
        return "it looks at the machine's own processes"
    ports = list(published(service))
    udp = sum(max(1, len(port.published)) for port in ports if port.protocol == "udp")
    usable = best(port.target for port in held(service) if not port.other)
    if udp and (udp > _UDP_FEW or not usable):
        return "it publishes UDP, which no proxy can switch"
    spoken = next((port for port in held(service) if port.other not in {"", "TLS"}), None)
    if spoken and not usable and not any(port.other == "TLS" for port in held(service)):
        return f"it speaks {spoken.other} at port {spoken.target}, and no HTTP"
    return ""


def _devices(service: Node) -> Iterator[str]:
    for device in sequence(service.get("devices")):
        yield text(mapping(device).get("source")) or text(device).split(":")[0]


def by_variables(service: Node, kinds: Iterable[str]) -> str:
    """Return which variable makes a store of *service*, of no known image; *kinds* are the stores that are known."""
    if service.get("build") or service.get("command"):
        return ""
    environment = environment_of(service)
    words = [known_images.words(name) for name in environment]
    if any(_HOST_WORDS & set(each) for each in words) or best(port.target for port in held(service)):
        return ""
    there = " ".join(kinds)
    own = (name for name, kind in known_images.SERVER_VARIABLES.items() if name in environment and kind not in there)
    return next((f"{name} makes it a store" for name in own), "")


def by_its_look(name: str, service: Node, made: Made | None, images: Mapping[str, int]) -> str:
    """Return why *service* looks like a store though its image is not known; *images*: how many services run each."""
    image = image_of(service, made)
    ports = [port.target for port in held(service)]
    page = best(port for port in ports if port not in STORE_PORTS)
    if page and (is_usual(page) or not STORE_PORTS & set(ports)):  # a store may have a page of its own, at an odd port
        return ""
    open_ports = [*ports, *exposed(service)]
    at = next((port for port in open_ports if port in STORE_PORTS), 0)
    if service.get("build") and not (
        made and made.image and known_images.sounds_like_a_store(known_images.parts_of(made.image)[1])
    ):
        return ""
    alone = images.get(text(service.get("image")), 0) < 2 and not runs_a_client(service)
    word = known_images.sounds_like_a_store(known_images.parts_of(image)[1]) if image else ""
    if word and alone:
        return f"{known_images.parts_of(image)[1]} sounds like a store"
    if at and alone:
        return f"port {at} is a store's ({spoken_at(at) or 'search'})"
    called = known_images.sounds_like_a_store(name)
    kept = any(text(mapping(volume).get("type")) == "volume" for volume in sequence(service.get("volumes")))
    if called and alone and (kept or not words_of(service)):
        return f"{name} sounds like a store"
    return ""
