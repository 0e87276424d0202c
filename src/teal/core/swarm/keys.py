"""Each key of a Compose service, and what a Swarm's stack file makes of it.

`docker stack deploy` refuses some, keeps some, and drops some without a word that stops anybody: seen with each of them
on Engine 28.5. What stands in none of these tables is refused, so that nothing is ever dropped in silence.
"""

from __future__ import annotations

from typing import NamedTuple

KEPT = frozenset(
    {"cap_add", "cap_drop", "command", "dns", "dns_search", "entrypoint", "environment", "extra_hosts"}
    | {"healthcheck", "hostname", "init", "logging", "read_only", "stdin_open", "stop_grace_period", "stop_signal"}
    | {"sysctls", "tmpfs", "tty", "ulimits", "user", "working_dir"}
)
# Rendered as what a stack file has for it.
RENDERED = frozenset(
    {"image", "labels", "networks", "ports", "volumes", "secrets", "configs", "deploy", "restart", "cpus", "mem_limit"}
    | {"mem_reservation", "pids_limit", "scale"}
)
# Means nothing on a Swarm, or nothing beside what Teal does by itself.
IDLE = frozenset(
    {"attach", "build", "container_name", "depends_on", "develop", "env_file", "expose", "extends", "label_file"}
    | {"profiles", "pull_policy", "pull_refresh_after"}
)


class Reason(NamedTuple):
    """Why a key can't come along, and what to do."""

    why: str
    remedy: str


_DROPS = "a Swarm drops it without a word"
_UNSAID = "a stack file can't say it"
_LIMITS = "use what `deploy.resources` has instead: limits of cpus, memory and pids, and reservations"
_NAMES = "call the service by its own name, or give it an alias on a network"
_STAY = "keep this service on a machine of its own, outside of the Swarm"

REFUSED: dict[str, Reason] = (
    {
        "privileged": Reason(_DROPS, f"name what it needs in cap_add; else {_STAY}"),
        "devices": Reason(_DROPS, _STAY),
        "device_cgroup_rules": Reason(_UNSAID, _STAY),
        "security_opt": Reason(
            f"{_DROPS}: the container would be less shut in", "set it for all containers in daemon.json"
        ),
        "shm_size": Reason(
            f"{_DROPS}: it would have 64 MB", "mount a tmpfs on /dev/shm: `type: tmpfs, target: /dev/shm`"
        ),
        "ipc": Reason(_DROPS, "share memory within one container only"),
        "pid": Reason(_DROPS, _STAY),
        "uts": Reason(_DROPS, "take it out"),
        "cgroup": Reason(_DROPS, "take it out"),
        "cgroup_parent": Reason(_DROPS, "take it out"),
        "userns_mode": Reason(_DROPS, "set it for all containers in daemon.json"),
        "mac_address": Reason(_DROPS, "take it out"),
        "domainname": Reason(_DROPS, "write the whole name as hostname"),
        "network_mode": Reason(f"{_DROPS}: it would join the stack's network", "name the networks that it is to join"),
        "links": Reason(_DROPS, _NAMES),
        "external_links": Reason(_DROPS, f"put both on one external overlay network; {_NAMES}"),
        "oom_kill_disable": Reason(_DROPS, "take it out"),
        "oom_score_adj": Reason(_DROPS, "take it out, or set the oom-score-adjust of the engine"),
        "volumes_from": Reason(_UNSAID, "mount the same volume in both, by its name"),
        "group_add": Reason(_UNSAID, "write the group into user: `user: UID:GID`"),
        "dns_opt": Reason(_UNSAID, "write the options into resolv.conf of the image, or do without"),
        "runtime": Reason(_UNSAID, "set default-runtime in daemon.json, and bind the service to such nodes"),
        "gpus": Reason(_UNSAID, "declare generic resources on the nodes, or leave this service where it is"),
        "platform": Reason(_UNSAID, "bind it: `deploy.placement.constraints: [node.platform.arch == x86_64]`"),
        "annotations": Reason(_UNSAID, "write them as labels, where their reader takes these"),
        "post_start": Reason(_UNSAID, "do it in the entrypoint"),
        "pre_stop": Reason(_UNSAID, "do it where the process gets SIGTERM"),
        "models": Reason(_UNSAID, "run the model as a service"),
        "provider": Reason(_UNSAID, _STAY),
        "use_api_socket": Reason(_UNSAID, "other nodes have another engine: leave this service where it is"),
        "isolation": Reason("it is for Windows", "take it out"),
        "credential_spec": Reason("it is for Windows", "take it out"),
        "volume_driver": Reason(_UNSAID, "name the driver at the volume itself"),
        "storage_opt": Reason(_UNSAID, "take it out"),
        "blkio_config": Reason(_UNSAID, _LIMITS),
        "memswap_limit": Reason(_UNSAID, _LIMITS),
        "mem_swappiness": Reason(_UNSAID, _LIMITS),
    }
    | {
        key: Reason(_UNSAID, _LIMITS)
        for key in (
            "cpu_count",
            "cpu_percent",
            "cpu_period",
            "cpu_quota",
            "cpu_rt_period",
            "cpu_rt_runtime",
            "cpu_shares",
        )
    }
    | {"cpuset": Reason(_UNSAID, _LIMITS)}
)

UNKNOWN = Reason(f"{_UNSAID}, or Teal does not know that it can", "take it out, or leave this service where it is")
# Values that say what is so anyway: Compose writes some of them by itself.
SAME = {"ipc": {"private", "shareable"}, "cgroup": {"private"}, "shm_size": {"67108864", "64m"}}

CONFIG = 1_000_000  # bytes; 1.1 MB was refused
SECRET = 500 * 1024  # bytes, by the Engine's own word
NAME = 63  # characters of a service's name
