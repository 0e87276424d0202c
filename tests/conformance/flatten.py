"""Makes what was seen of a container comparable: flat, with names in place of ids, addresses and paths."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.generate import Plan
from tests.conformance.look import Seen, Tree

Flat = dict[str, Any]
Looks = Mapping[str, Sequence[Seen]]  # service -> its containers

# What tells one container from another, and says nothing of how it was asked for.
IDENTITY = frozenset(
    {"Id", "Created", "State", "Name", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "GraphDriver"}
    | {"NetworkSettings", "ExecIDs", "RestartCount"}
)
CHOSEN = frozenset({"Id", "Created", "CreatedAt", "Containers", "Name", "Mountpoint", "Peers", "Status"})
NAMELESS = re.compile(r"\b[0-9a-f]{64}\b")
UNTOLD = re.compile(r"eth\d|br-|veth|docker\d|dummy|tunl")  # interfaces whose names the engine chooses
OWN_MAC = "06:c0:"  # what a case asks for; any other is the engine's choice


@dataclass(frozen=True, slots=True)
class Names:
    """What is called how: ids and addresses of all containers, and where things lie."""

    project: str
    folder: str
    home: str
    ids: Mapping[str, str]  # id -> service
    addresses: Mapping[str, str]  # address -> service
    spaces: Mapping[str, Mapping[str, str]]  # kind of name space -> its id -> who owns it
    networks: Mapping[str, str]  # name of a network in the plain stack -> its key
    defined: Mapping[str, Tree]  # what the engine says of networks and volumes, by name
    subnet: str  # with which the ranges begin that a case asks for

    def spoken(self, text: str, own: str) -> str:
        """Return *text* with names in place of ids, projects and paths."""
        text = text.replace(own, "<id>").replace(own[:12], "<id>")
        for id_, service in self.ids.items():
            text = text.replace(id_, f"<id of {service}>").replace(id_[:12], f"<id of {service}>")
        text = re.sub(rf"{re.escape(self.home)}/{re.escape(self.project)}/releases/1/files/", "<release>/", text)
        text = text.replace(self.folder, "<folder>")
        text = re.sub(rf"{re.escape(self.project)}-(?:blue|once)", self.project, text).replace(
            self.project, "<project>"
        )
        text = re.sub(r"-blue\b", "", text)
        return NAMELESS.sub("<nameless>", text)


def names_of(plan: Plan, folder: Path, home: Path, looks: Looks, defined: Mapping[str, Tree]) -> Names:
    """Return the names of all that *looks* holds."""
    every = [(service, seen) for service, found in looks.items() for seen in found]
    ids = {seen.id: service for service, seen in every}
    addresses: dict[str, str] = {}
    spaces: dict[str, dict[str, str]] = {}
    ended_first = sorted(every, key=lambda each: each[1].inspected["State"]["Running"])  # their numbers are used again
    for service, seen in ended_first:
        for network in seen.inspected["NetworkSettings"]["Networks"].values():
            for key in ("IPAddress", "GlobalIPv6Address"):
                if network.get(key):
                    addresses[network[key]] = service
        for kind, space in seen.report.get("name spaces", {}).items():
            if not _borrows(seen, kind):
                spaces.setdefault(kind, {})[space] = service
    for kind in Path("/proc/self/ns").iterdir():
        spaces.setdefault(kind.name, {})[str(kind.readlink())] = "the host"
    place = plan.place
    networks = plan.networks()
    return Names(place.project, str(folder), str(home), ids, addresses, spaces, networks, defined, place.subnet)


def _borrows(seen: Seen, kind: str) -> bool:
    host = seen.inspected["HostConfig"]
    said = {"net": "NetworkMode", "ipc": "IpcMode", "pid": "PidMode", "pid_for_children": "PidMode", "uts": "UTSMode"}
    return str(host.get(said.get(kind, ""), "")).startswith(("container:", "host"))


def flat(seen: Seen, names: Names) -> Flat:
    """Return everything that was seen as path -> value."""
    raw = {key: value for key, value in seen.inspected.items() if key not in IDENTITY}
    raw["Healthcheck is run"] = "Health" in seen.inspected["State"]
    raw["networks"], raw["joined"] = _networks(seen, names)
    published = seen.inspected["NetworkSettings"].get("Ports") or {}
    raw["published"] = {port: bool(found) for port, found in published.items() if found}
    raw["inside"] = _inside(seen, names)
    raw["names"] = {name: sorted({_at(each, seen, names) for each in found}) for name, found in seen.names.items()}
    raw["later"] = seen.later
    raw["Config"] = _config(raw["Config"])
    raw["HostConfig"] = _host(raw["HostConfig"])
    raw["Mounts"] = {each["Destination"]: _mount(each, names) for each in raw["Mounts"]}
    told = json.loads(names.spoken(json.dumps(raw, ensure_ascii=False), seen.id))
    return dict(_flat("", told))


def _at(address: str, seen: Seen, names: Names) -> str:
    """Return whose address it is: the own one, since what ran once may have had it before."""
    networks = seen.inspected["NetworkSettings"]["Networks"].values()
    own = {each[key] for each in networks for key in ("IPAddress", "GlobalIPv6Address")}
    return names.ids[seen.id] if address in own else names.addresses.get(address, address)


def _flat(path: str, value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(f"{path}.{key}" if path else key, each)
    else:
        yield path, value


def _config(config: Tree) -> Tree:
    env = (entry.partition("=") for entry in config["Env"] or [])
    labels = config["Labels"] or {}
    return {
        **config,
        "Env": {name: value if equals else None for name, equals, value in env},
        "Labels": {key: value for key, value in labels.items() if not key.startswith("com.docker.compose.")},
    }


def _host(host: Tree) -> Tree:
    ports = host.get("PortBindings") or {}
    binds = {bind.split(":")[1]: bind for bind in host["Binds"] or []}
    mounts = {each["Target"]: each for each in host.get("Mounts") or []}
    kept = {key: value for key, value in host.items() if key not in {"Binds", "Mounts"}}
    return {
        **kept,
        **({"Binds": binds} if binds else {}),
        **({"Mounts": mounts} if mounts else {}),
        "PortBindings": {port: [each["HostIp"] for each in found] for port, found in ports.items()},
        "ExtraHosts": sorted(host.get("ExtraHosts") or []),
        "Ulimits": sorted(host.get("Ulimits") or [], key=str),
    }


def _networks(seen: Seen, names: Names) -> tuple[Tree, Tree]:
    """Return the networks of a container by key: those of its own side, and those of the stack that a color joins."""
    project, found, joined = names.project, {}, {}
    color = f"{project}-blue"
    mine = str(seen.inspected["Config"]["Labels"]["com.docker.compose.project"])
    for name, network in seen.inspected["NetworkSettings"]["Networks"].items():
        told, key = _network(name, network, seen, names), names.networks.get(name, name)
        if mine != color or name in {"bridge", "none", "host"}:
            found[key] = told
        elif name.startswith(f"{color}_"):
            found[name.removeprefix(f"{color}_")] = told
        else:
            name = str(seen.inspected["Name"]).removeprefix("/")
            aliases = {each for each in network["Aliases"] or () if each not in (name, seen.id[:12])}
            joined[key] = {**told, "without a color": sorted(each for each in aliases if not each.endswith("-blue"))}
    return found, joined


def _mount(mount: Tree, names: Names) -> Tree:
    volume = names.defined.get(mount.get("Name", ""), {}) if mount["Type"] == "volume" else {}
    return {**mount, "defined": _defined(volume, names)} if volume else mount


def _network(name: str, network: Tree, seen: Seen, names: Names) -> Tree:
    kept = {key: network.get(key) for key in ("DriverOpts", "GwPriority", "Links", "IPAMConfig")}
    mac = network.get("MacAddress") or ""
    interfaces = seen.report.get("interfaces", {})
    mine = next((name for name, each in interfaces.items() if each["address"] == mac and mac), "")
    routes = [line.split() for line in seen.report.get("routes", ())]
    return {
        **kept,
        "Aliases": sorted({_colorless(each) for each in network["Aliases"] or [] if each != seen.id[:12]}),
        "MacAddress": mac if mac.startswith(OWN_MAC) else "",
        "has IPv4": bool(network["IPAddress"]),
        "has IPv6": bool(network["GlobalIPv6Address"]),
        "interface": "" if re.fullmatch(r"eth\d+", mine) else mine,
        "mtu": interfaces.get(mine, {}).get("mtu"),
        "is the way out": [mine, "00000000"] in routes,
        "defined": _defined(names.defined.get(name, {}), names),
    }


def _defined(found: Tree, names: Names) -> Tree:
    """Return how a network or volume is defined, without what the engine chose."""
    kept = {key: value for key, value in found.items() if key not in CHOSEN}
    labels = kept.get("Labels") or {}
    kept["Labels"] = {key: value for key, value in labels.items() if not key.startswith("com.docker.compose.")}
    kept["Options"] = kept.get("Options") or {}
    if "IPAM" in kept:
        ranges = [
            each for each in kept["IPAM"].get("Config") or () if names.subnet in str(each) or "fd00:c0" in str(each)
        ]
        kept["IPAM"] = {**kept["IPAM"], "Config": ranges, "Options": kept["IPAM"].get("Options") or {}}
    return kept


def _inside(seen: Seen, names: Names) -> Tree:
    report = dict(seen.report)
    if not report:
        return report
    own = names.addresses.keys()
    report["name spaces"] = {
        kind: _owner(names.spaces.get(kind, {}).get(space, ""), kind, seen)
        for kind, space in report["name spaces"].items()
    }
    report["hosts"] = sorted(line for line in report["hosts"] if line.split("\t")[0] not in own)
    report["mounts"] = {line.split()[0]: line for line in report["mounts"]}
    report["interfaces"] = sorted(name for name in report["interfaces"] if not UNTOLD.match(name))
    del report["routes"]
    return report


def _owner(owner: str, kind: str, seen: Seen) -> str:
    """Return whose name space it is; a number may be used again once its container has ended."""
    return owner if owner == "the host" or _borrows(seen, kind) else "own"


def _colorless(name: str) -> str:
    return re.sub(r"-blue\b", "", name)
