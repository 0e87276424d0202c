"""A stack as files for Kubernetes: what becomes of each part, and that nothing is left behind in silence."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.compose import Node, mapping, sequence
from teal.core.model.stack import Evidence, Role, Stack, Tree
from teal.core.rendering.kubernetes import Export, Inputs, export
from tests.unit.stacks import stack_of

SERVICES: Tree = {
    "web": {
        "image": "app:1",
        "entrypoint": ["/run"],
        "command": ["--all", "$$HOME"],
        "working_dir": "/srv",
        "user": "1000:2000",
        "read_only": True,
        "cap_add": ["CAP_NET_ADMIN"],
        "environment": {"PASSWORD": "p$$w", "GONE": None},
        "healthcheck": {"test": ["CMD-SHELL", "ready"], "interval": "10s", "retries": 2, "start_period": "20s"},
        "stop_grace_period": "15s",
        "tmpfs": ["/tmp"],
        "deploy": {"resources": {"limits": {"cpus": "0.5", "memory": "1g"}, "reservations": {"memory": "1m"}}},
        "volumes": [
            {"type": "bind", "source": "/srv/shop/a.conf", "target": "/etc/a.conf", "read_only": True},
            {"type": "bind", "source": "/var/log", "target": "/logs"},
            {"type": "volume", "source": "cache", "target": "/cache"},
        ],
        "secrets": [{"source": "key"}],
        "privileged": False,
        "devices": ["/dev/null"],
    },
    "beat": {"image": "app:1"},
    "seed": {"image": "app:1", "healthcheck": {"test": ["CMD", "x"]}},
    "worker": {"image": "app:1", "scale": 3},
    "proxy": {"image": "caddy:2", "ports": [{"target": 80, "published": "80"}]},
    "db": {
        "image": "postgres:17",
        "ports": [{"target": 5432, "published": "5432"}],
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
    },
}
ROLES = {"beat": Role.SINGLETON, "seed": Role.ONE_SHOT, "worker": Role.WORKER}
TOP: Tree = {"secrets": {"key": {"file": "/srv/shop/key"}}}
CONTENTS = {"/srv/shop/a.conf": b"a = 1", "/srv/shop/key": b"k"}


def stack() -> Stack:
    told = Evidence(proxy="proxy", routes={"web": 3000}, declared=ROLES)
    return replace(stack_of(SERVICES, told, **TOP), strategy="blue-green")


def exported() -> Export:
    return export(stack(), Inputs(CONTENTS, "infra/public"))


def one(kind: str, name: str, path: str = "colors/blue/services.yaml") -> Node:
    found = [o for o in exported().objects[path] if o["kind"] == kind and mapping(o["metadata"])["name"] == name]
    assert len(found) == 1, (kind, name)
    return found[0]


def pod(kind: str, name: str) -> Node:
    return mapping(mapping(mapping(one(kind, name)["spec"])["template"])["spec"])


def container(name: str) -> Node:
    (found,) = sequence(pod("Deployment", name)["containers"])
    return mapping(found)


def test_a_color_is_a_namespace_in_which_plain_names_are_its_own() -> None:
    objects = exported().objects
    assert set(objects) == {
        "base/shared.yaml",
        "base/kustomization.yaml",
        *(f"colors/{side}/{file}.yaml" for side in ("blue", "green") for file in ("services", "kustomization")),
        "switch/blue.yaml",
        "switch/green.yaml",
    }
    blue, green = objects["colors/blue/services.yaml"], objects["colors/green/services.yaml"]
    assert [o["kind"] for o in blue] == [o["kind"] for o in green]
    assert {mapping(o["metadata"]).get("namespace", "shop-blue") for o in blue} == {"shop-blue"}
    shared = mapping(one("Service", "db")["spec"])
    assert shared == {"type": "ExternalName", "externalName": "db.shop-shared.svc.cluster.local"}
    assert mapping(one("Service", "worker")["spec"])["clusterIP"] == "None"


def test_the_process_its_environment_and_its_rights() -> None:
    web = container("web")
    assert (web["image"], web["command"], web["args"]) == ("app:1", ["/run"], ["--all", "$HOME"])
    assert web["workingDir"] == "/srv"
    assert web["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 2000,
        "readOnlyRootFilesystem": True,
        "capabilities": {"add": ["NET_ADMIN"]},
    }
    assert web["resources"] == {"limits": {"cpu": "0.5", "memory": "1g"}, "requests": {"memory": "1m"}}
    (source,) = sequence(web["envFrom"])
    secret = one("Secret", str(mapping(mapping(source)["secretRef"])["name"]))
    assert secret["stringData"] == {"PASSWORD": "p$w", "TEAL_COLOR": "blue"}
    assert pod("Deployment", "web")["terminationGracePeriodSeconds"] == 15


def test_a_healthcheck_is_readiness_and_the_time_that_a_start_may_take() -> None:
    web = container("web")
    command = {"command": ["/bin/sh", "-c", "ready"]}
    assert web["readinessProbe"] == {
        "exec": command,
        "periodSeconds": 10,
        "timeoutSeconds": 30,
        "failureThreshold": 2,
    }
    assert mapping(web["startupProbe"])["failureThreshold"] == 40
    assert "livenessProbe" not in web


def test_files_by_their_content_and_what_is_left_behind() -> None:
    mounts = {m["mountPath"]: m for m in map(mapping, sequence(container("web")["volumeMounts"]))}
    assert set(mounts) == {"/run/secrets/key", "/etc/a.conf", "/cache", "/tmp"}
    assert mounts["/etc/a.conf"]["subPath"] == "a.conf"
    kinds = [o["kind"] for o in exported().objects["colors/blue/services.yaml"]]
    assert kinds.count("ConfigMap") == 1
    page = exported().texts["PROMISES.md"]
    for line in (
        "- web: /var/log, mounted at /logs",
        "- web: the volume cache: at /cache each pod has an empty one of its own",
        "- web: devices",
        "- db: its published ports",
        "- proxy: the gateway is in its place",
    ):
        assert f"{line}\n" in page


def test_each_role_has_its_kind() -> None:
    assert mapping(one("Deployment", "beat")["spec"])["strategy"] == {"type": "Recreate"}
    job = mapping(one("Job", "seed")["spec"])
    assert job["backoffLimit"] == 0
    assert mapping(mapping(job["template"])["spec"])["restartPolicy"] == "Never"
    assert mapping(one("Deployment", "worker")["spec"])["replicas"] == 3
    assert mapping(one("PodDisruptionBudget", "worker")["spec"])["maxUnavailable"] == 1
    store = mapping(one("StatefulSet", "db", "base/shared.yaml")["spec"])
    assert store["serviceName"] == "db"
    (claim,) = sequence(store["volumeClaimTemplates"])
    assert mapping(mapping(claim)["metadata"])["name"] == "data"


def test_one_object_switches_and_may_reach_both_colors() -> None:
    (blue,), (green,) = (exported().objects[f"switch/{side}.yaml"] for side in ("blue", "green"))
    assert blue["metadata"] == green["metadata"] == {"name": "shop", "namespace": "shop-shared"}
    (rule,) = sequence(mapping(green["spec"])["rules"])
    assert mapping(rule)["backendRefs"] == [{"name": "web", "namespace": "shop-green", "port": 3000}]
    assert mapping(green["spec"])["parentRefs"] == [{"name": "public", "namespace": "infra"}]
    grant = mapping(one("ReferenceGrant", "switch")["spec"])
    assert mapping(sequence(grant["from"])[0])["namespace"] == "shop-shared"
