"""Cases: networks, names, addresses, ports, and what services have to do with each other.

Each stack has two more services: ``peer``, which is shared, and ``mate``, which rotates.
"""

from __future__ import annotations

from tests.conformance.case import COLORED, JOB, ONCE, ROUTE, SHARED, Case, refusing

# What goes with a network of its own alone.
OWN = frozenset(
    {"networks", "links", "external_links", "dns", "dns_opt", "dns_search", "extra_hosts", "hostname", "domainname"}
    | {"mac_address", "expose", "ports", "sysctls", "uts", "network_mode", "ipc", "pid", "read_only"}
)
FIXED = "{{service}} has the fixed address {0}, which two colors can't both have"
HOST = "{service} is on the host's network: both colors want its ports"
APART = "{service} and the proxy have no network in common"
SPACES = tuple(
    f"{{service}} uses the {kind} of peer, which is shared" for kind in ("network", "IPC namespace", "PID namespace")
)
BORROWED = "{service} runs in a project of its own, so it can't take network or volumes from another service"
PUBLISHED = "{service} publishes port 33000-60000, which two colors can't both have"
UNSWITCHED = (
    "{service} publishes port 33000-60000/udp (UDP), which two colors can't both have, and no HTTP proxy can switch"
)

CASES = (
    Case(
        "networks",
        {"networks": ["default", "extra"]},
        {"networks": {"extra": None}},
        asks=("peer", "mate", "{service}"),
    ),
    Case(
        "networks at length",
        {
            "networks": {
                "default": {
                    "aliases": ["alias-of-{service}", "Alias.With.Dots-{service}"],
                    "priority": 100,
                    "gw_priority": 5,
                    "driver_opts": {"com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1"},
                },
                "second": {
                    "interface_name": "conform0",
                    "mac_address": "06:c0:00:00:0{at}:01",
                    "link_local_ips": ["169.254.8.{at}"],
                    "gw_priority": -5,
                },
            }
        },
        {
            "networks": {
                "second": {"driver_opts": {"com.docker.network.driver.mtu": "1300"}, "labels": {"conform.net": "$$x"}}
            }
        },
        asks=("alias-of-{service}", "alias.with.dots-{service}", "peer"),
        apart=frozenset({"mac_address", "network_mode"}),
    ),
    Case(
        "network without a way out",
        {"networks": {"closed": None}},
        {"networks": {"closed": {"internal": True, "attachable": True}}},
        roles=(JOB, ONCE, SHARED),
        apart=frozenset({"network_mode", "links"}),
        asks=("{service}", "peer"),
    ),
    Case(
        "network without a way out, beside another",
        {"networks": {"default": None, "closed": None}},
        {"networks": {"closed": {"internal": True, "attachable": True}}},
        roles=(ROUTE,),
        asks=("peer",),
    ),
    Case(
        "network of its own",
        {"networks": {"own-{role}": {"aliases": ["own-alias"]}}},
        {"networks": {"own-{role}": None}},
        roles=(JOB, ONCE),
        apart=frozenset({"network_mode", "links", "external_links", "mac_address"}),
        asks=("own-alias", "{service}"),
        alone=True,
    ),
    Case(
        "network of its own without a way out",
        {"networks": {"shut-{role}": None}},
        {"networks": {"shut-{role}": {"internal": True}}},
        roles=(JOB, ONCE),
        alone=True,
    ),
    Case(
        "network with IPv6",
        {"networks": {"default": None, "six": None}},
        {"networks": {"six": {"enable_ipv6": True, "driver": "bridge", "labels": ["conform.list=1"]}}},
    ),
    Case(
        "network without IPv4",
        {"networks": {"default": None, "only-six": None}},
        {"networks": {"only-six": {"enable_ipv4": False, "enable_ipv6": True}}},
    ),
    Case(
        "network with addresses of its own",
        {"networks": {"default": None, "ranged": None}},
        {
            "networks": {
                "ranged": {
                    "name": "{project}-named-otherwise",
                    "ipam": {
                        "driver": "default",
                        "options": {"conform": "x"},
                        "config": [
                            {
                                "subnet": "{subnet}.0/25",
                                "ip_range": "{subnet}.64/26",
                                "gateway": "{subnet}.1",
                                "aux_addresses": {"host1": "{subnet}.5"},
                            }
                        ],
                    },
                }
            }
        },
    ),
    Case(
        "fixed addresses",
        {
            "networks": {
                "default": None,
                "fixed": {"ipv4_address": "{subnet}.14{at}", "ipv6_address": "{subnet6}::4{at}"},
            }
        },
        {
            "networks": {
                "fixed": {
                    "enable_ipv6": True,
                    "ipam": {"config": [{"subnet": "{subnet}.128/25"}, {"subnet": "{subnet6}::/64"}]},
                }
            }
        },
        refused=refusing(COLORED, FIXED.format("{subnet}.14{at}"), FIXED.format("{subnet6}::4{at}")),
    ),
    Case(
        "network from outside",
        {"networks": {"default": None, "outside": {"aliases": ["out-{service}"]}}},
        {"networks": {"outside": {"external": True, "name": "{project}-outside"}}},
        asks=("out-{service}",),
    ),
    Case("network_mode none", {"network_mode": "none"}, roles=(JOB, ONCE, SHARED), apart=OWN),
    Case("network_mode bridge", {"network_mode": "bridge"}, roles=(JOB, ONCE, SHARED), apart=OWN),
    Case(
        "network_mode host",
        {"network_mode": "host"},
        roles=(*COLORED, ONCE, SHARED),
        refused={ROUTE: (HOST, APART), JOB: (HOST,)},
        apart=OWN,
    ),
    Case(
        "name spaces of a mate",
        {"network_mode": "service:mate", "ipc": "service:mate", "pid": "service:mate"},
        roles=(JOB,),
        asks=("mate", "peer"),
        apart=OWN,
    ),
    Case(
        "name spaces of a peer",
        {"network_mode": "service:peer", "ipc": "service:peer", "pid": "service:peer"},
        refused={ROUTE: (*SPACES, APART), JOB: SPACES, ONCE: (BORROWED,)},
        asks=("peer",),
        apart=OWN,
    ),
    Case(
        "name spaces of a container",
        {"network_mode": "container:{outsider}", "ipc": "container:{outsider}", "pid": "container:{outsider}"},
        roles=(JOB, ONCE, SHARED),
        apart=OWN,
    ),
    Case("volumes_from a mate", {"volumes_from": ["mate:ro", "container:{outsider}:ro"]}, roles=COLORED),
    Case(
        "volumes_from a peer",
        {"volumes_from": ["peer"]},
        refused={**refusing(COLORED, "{service} takes the volumes of peer, which is shared"), ONCE: (BORROWED,)},
    ),
    Case(
        "volumes_from a container",
        {"volumes_from": ["container:{outsider}"]},
    ),
    Case("links", {"links": ["mate", "mate:other-name", "peer"]}, asks=("mate", "other-name", "peer"), roles=COLORED),
    Case("links to a peer", {"links": ["peer"]}, asks=("peer",)),
    Case(
        "links to a peer by another name",
        {"links": ["peer:other-peer"]},
        asks=("peer", "other-peer"),
    ),
    Case("external_links", {"external_links": ["{outsider}:outsider"]}, asks=("outsider",)),
    Case(
        "dns", {"dns": ["127.0.0.11", "9.9.9.9"], "dns_opt": ["ndots:3", "use-vc"], "dns_search": ["conform.example"]}
    ),
    Case("dns as text", {"dns": "9.9.9.9", "dns_search": "conform.example"}),
    Case("extra_hosts", {"extra_hosts": {"elsewhere": "10.1.2.3", "six": "::1"}}),
    Case(
        "extra_hosts as a list", {"extra_hosts": ["host.docker.internal:host-gateway", "old:10.1.2.4", "new=10.1.2.5"]}
    ),
    Case("hostname", {"hostname": "host-{service}"}, asks=("host-{service}",)),
    Case(
        "hostname with a domain", {"hostname": "fq-{service}.conform.example"}, asks=("fq-{service}.conform.example",)
    ),
    Case("domainname", {"domainname": "conform.example"}),
    Case("container_name", {"container_name": "{project}-called-{service}"}, asks=("{project}-called-{service}",)),
    Case("mac_address", {"mac_address": "06:c0:00:00:0{at}:02"}),
    Case("expose", {"expose": ["3000", "4000-4002/udp"]}),
    Case(
        "ports",
        {"ports": ["127.0.0.1:33000-60000:3000", "127.0.0.1:33000-60000:3001/udp"]},
        refused=refusing(COLORED, UNSWITCHED, PUBLISHED),
    ),
    Case(
        "ports that are dropped",
        {
            "ports": [
                {
                    "name": "web",
                    "mode": "host",
                    "host_ip": "127.0.0.1",
                    "target": 3000,
                    "published": "33000-60000",
                    "protocol": "tcp",
                    "app_protocol": "http",
                }
            ]
        },
        teal={"ports": {"{service}": "drop"}},
    ),
    Case(
        "depends_on what is shared",
        {"depends_on": {"peer": {"condition": "service_healthy", "restart": True, "required": True}}},
    ),
    Case(
        "depends_on",
        {
            "depends_on": {
                "peer": {"condition": "service_healthy", "restart": True},
                "mate": {"condition": "service_started", "required": True},
                "nobody": {"condition": "service_started", "required": False},
            }
        },
        roles=COLORED,
    ),
    Case("depends_on as a list", {"depends_on": ["peer"]}),
    Case(
        "depends_on a mate",
        {"depends_on": ["mate"]},
        roles=(ONCE,),
        refused=refusing((ONCE,), "{service} runs before its release starts, so it can't wait for mate"),
    ),
)
