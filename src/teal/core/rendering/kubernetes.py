"""A stack as files for Kubernetes, with which one can leave: a namespace for each color, one object that switches.

Within a namespace plain names mean the color's own services, with nothing renamed: `http://rag:3001` of blue is blue's.
What both colors share lives in a namespace of its own, and each color knows it by the same plain names.

Files only: nothing is deployed by Teal, and `PROMISES.md` says which of its promises nobody keeps there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from teal.core.model.compose import Node, environment_of, mapping, number, sequence, services_in, text, unescaped
from teal.core.model.duration import compose_seconds
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import GRACE, Role, Service, Stack, Tree
from teal.core.model.units import Seconds
from teal.core.swarm.keys import REFUSED

_ROUTES = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the rendering needs beside the stack."""

    contents: Mapping[str, bytes] = field(default_factory=dict)  # of files that it mounts, by path
    gateway: str = ""  # NAMESPACE/NAME of the Gateway that routes


@dataclass(frozen=True, slots=True)
class Export:
    """Files by path: each a list of objects, or a text."""

    objects: Mapping[str, tuple[Tree, ...]]
    texts: Mapping[str, str]


def export(stack: Stack, inputs: Inputs) -> Export:
    """Return *stack* as a kustomize tree: base, a folder for each color, a file for each direction of the switch."""
    objects: dict[str, tuple[Tree, ...]] = {"base/shared.yaml": tuple(_shared(stack, inputs))}
    kustomizations: dict[str, Tree] = {"base": _kustomization(["shared.yaml"], _namespace(stack, None))}
    for side in COLORS:
        folder = f"colors/{side}"
        objects[f"{folder}/services.yaml"] = tuple(_color(stack, side, inputs))
        kustomizations[folder] = _kustomization(["services.yaml"], _namespace(stack, side))
        objects[f"switch/{side}.yaml"] = (_route(stack, side, inputs),)
    for folder, each in kustomizations.items():
        objects[f"{folder}/kustomization.yaml"] = (each,)
    return Export(objects, {"PROMISES.md": promises(stack, tuple(left_behind(stack, inputs)))})


def name_of(text_: str) -> str:
    """Return *text_* as a name that Kubernetes takes."""
    return re.sub(r"[^a-z0-9-]+", "-", text_.lower()).strip("-")[:53] or "x"


def _namespace(stack: Stack, side: Side | None) -> str:
    return name_of(f"{stack.project}-{side or 'shared'}")


def _kustomization(resources: list[str], namespace: str) -> Tree:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": resources,
    }


def _shared(stack: Stack, inputs: Inputs) -> Iterator[Tree]:
    namespace = _namespace(stack, None)
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for each in stack.having(Role.SHARED):
        if each.name == stack.proxy:
            continue  # the gateway is in its place
        yield from _workload(stack, each, Side.PLAIN, namespace, inputs)


def _color(stack: Stack, side: Side, inputs: Inputs) -> Iterator[Tree]:
    namespace, shared = _namespace(stack, side), _namespace(stack, None)
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    for each in (*stack.rotating, *stack.having(Role.ONE_SHOT)):
        yield from _workload(stack, each, side, namespace, inputs)
    for each in stack.having(Role.SHARED):
        if each.name != stack.proxy:
            name = name_of(each.name)
            target = f"{name}.{shared}.svc.cluster.local"
            yield _object("v1", "Service", name, namespace, spec={"type": "ExternalName", "externalName": target})
    yield _object(
        f"{_ROUTES}/v1beta1",
        "ReferenceGrant",
        "switch",
        namespace,
        spec={
            "from": [{"group": _ROUTES, "kind": "HTTPRoute", "namespace": shared}],
            "to": [{"group": "", "kind": "Service"}],
        },
    )


def _workload(stack: Stack, service: Service, side: Side, namespace: str, inputs: Inputs) -> Iterator[Tree]:
    node = services_in(stack.models[side])[service.name]
    name = name_of(service.name)
    made = _Pod(stack, service, node, side, inputs)
    spec = made.spec()
    for kind, key, values in made.files:
        field_ = "data" if kind == "ConfigMap" else "stringData"
        yield {"apiVersion": "v1", "kind": kind, "metadata": _meta(key, namespace), field_: values}
    labels: Tree = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": name_of(stack.project)}
    template = {"metadata": {"labels": labels}, "spec": spec}
    replicas = _replicas(stack, service, node)
    if service.role is Role.ONE_SHOT:
        job: Tree = {"backoffLimit": 0, "template": {**template, "spec": {**spec, "restartPolicy": "Never"}}}
        yield _object("batch/v1", "Job", name, namespace, spec=job)
        return
    body: Tree = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    if made.claims:
        body |= {"serviceName": name, "volumeClaimTemplates": made.claims}
        yield _object("apps/v1", "StatefulSet", name, namespace, spec=body)
    else:
        body["strategy"] = {"type": "Recreate"} if service.role is Role.SINGLETON else {"type": "RollingUpdate"}
        yield _object("apps/v1", "Deployment", name, namespace, spec=body)
    yield _service(service, name, labels, namespace)
    if replicas > 1:
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
        yield _object("policy/v1", "PodDisruptionBudget", name, namespace, spec=budget)


def _replicas(stack: Stack, service: Service, node: Node) -> int:
    if service.role in {Role.SINGLETON, Role.SHARED}:
        return 1
    said = stack.swarm.replicas.get(service.name) if stack.swarm else None
    written = node.get("scale", mapping(node.get("deploy")).get("replicas"))
    if said is not None or written is not None:
        return said or number(written)
    return 2 if service.role is Role.ROUTE else 1


def _service(service: Service, name: str, labels: Tree, namespace: str) -> Tree:
    """Return the name by which others call it: a route has a port; the others are found at whichever they use."""
    if service.role is Role.ROUTE and service.port:
        spec: Tree = {"selector": labels, "ports": [{"name": "http", "port": service.port, "targetPort": service.port}]}
    else:
        spec = {"selector": labels, "clusterIP": "None"}
    return _object("v1", "Service", name, namespace, spec=spec)


class _Pod:
    """The pod of one service, as it is put together, and the objects that it needs beside it."""

    def __init__(self, stack: Stack, service: Service, node: Node, side: Side, inputs: Inputs) -> None:
        self._stack, self._service, self._node, self._side, self._inputs = stack, service, node, side, inputs
        self.files: list[tuple[str, str, Tree]] = []
        self.claims: list[Tree] = []
        self._volumes: list[Tree] = []
        self._mounts: list[Tree] = []

    def spec(self) -> Tree:
        """Return its specification."""
        service, node = self._service, self._node
        name = name_of(service.name)
        container: Tree = {"name": name, "image": service.image or text(node.get("image")), **_words(node)}
        self._environment(container, name)
        self._given()
        for place, mount in enumerate(map(mapping, sequence(node.get("volumes")))):
            self._mount(mount, place)
        for place, target in enumerate(map(text, sequence(node.get("tmpfs")))):
            self._volume(f"tmp-{place}", {"emptyDir": {"medium": "Memory"}}, target.partition(":")[0])
        if self._mounts:
            container["volumeMounts"] = self._mounts
        container |= _probes(service, node) | _limits(node) | _security(node)
        spec: Tree = {
            "containers": [container],
            "terminationGracePeriodSeconds": round(compose_seconds(node.get("stop_grace_period"), GRACE)),
            "enableServiceLinks": False,
        }
        if self._volumes:
            spec["volumes"] = self._volumes
        if service.role.rotates and service.role is not Role.SINGLETON:
            labels = {"app.kubernetes.io/name": name}
            spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
            spec["topologySpreadConstraints"] = [{**spread, "labelSelector": {"matchLabels": labels}}]
        return spec

    def _environment(self, container: Tree, name: str) -> None:
        """Put the environment into a Secret by its content: it may hold passwords."""
        values = dict(environment_of(self._node))
        if self._service.role.rotates:
            values["TEAL_COLOR"] = str(self._side)
        if values:
            key = _by_content(f"{name}-env", repr(sorted(values.items())).encode())
            self.files.append(("Secret", key, dict(values)))
            container["envFrom"] = [{"secretRef": {"name": key}}]

    def _given(self) -> None:
        model = self._stack.models[self._side]
        for kind, ours, field_ in (("secrets", "Secret", "secretName"), ("configs", "ConfigMap", "name")):
            for place, each in enumerate(map(mapping, sequence(self._node.get(kind)))):
                key = text(each.get("source"))
                value = mapping(mapping(model.get(kind)).get(key))
                content = self._inputs.contents.get(unescaped(value.get("file")), b"").decode(errors="replace")
                content = content or unescaped(value.get("content"))
                target = text(each.get("target")) or f"/run/secrets/{key}"
                target = target if target.startswith("/") else f"/run/secrets/{target}"
                self._file(f"{kind[:-1]}-{place}", ours, field_, content, target)

    def _file(self, volume: str, kind: str, field_: str, content: str, target: str) -> None:
        leaf = target.rpartition("/")[2]
        name = _by_content(name_of(leaf), content.encode())
        self.files.append((kind, name, {leaf: content}))
        source = {"secret" if kind == "Secret" else "configMap": {field_: name}}
        self._volumes.append({"name": volume, **source})
        self._mounts.append({"name": volume, "mountPath": target, "subPath": leaf, "readOnly": True})

    def _mount(self, mount: Node, place: int) -> None:
        kind, target, source = text(mount.get("type")), text(mount.get("target")), unescaped(mount.get("source"))
        if kind == "bind" and source in self._inputs.contents:
            content = self._inputs.contents[source].decode(errors="replace")
            self._file(f"file-{place}", "ConfigMap", "name", content, target)
        elif kind == "volume" and source and not self._service.role.rotates:
            self._mounts.append({"name": name_of(source), "mountPath": target})
            claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
            self.claims.append({"metadata": {"name": name_of(source)}, "spec": claim})
        elif kind in {"volume", "tmpfs"}:
            medium: Tree = {"medium": "Memory"} if kind == "tmpfs" else {}
            self._volume(f"dir-{place}", {"emptyDir": medium}, target)

    def _volume(self, name: str, source: Tree, target: str) -> None:
        self._volumes.append({"name": name, **source})
        self._mounts.append({"name": name, "mountPath": target})


def _words(node: Node) -> Tree:
    """Return what the container runs, and where."""
    found: Tree = {}
    for key, ours in (("entrypoint", "command"), ("command", "args")):
        words = [unescaped(word) for word in sequence(node.get(key))]
        if words:
            found[ours] = words
    if text(node.get("working_dir")):
        found["workingDir"] = text(node["working_dir"])
    return found


def _probes(service: Service, node: Node) -> Tree:
    """Return the healthcheck as readiness, and as what a start may take: a probe never kills what serves."""
    check = mapping(node.get("healthcheck"))
    words = [unescaped(word) for word in sequence(check.get("test"))]
    if words[:1] == ["CMD"]:
        command = words[1:]
    elif words[:1] == ["CMD-SHELL"]:
        command = ["/bin/sh", "-c", *words[1:]]
    elif service.role is Role.ROUTE and service.port:
        tcp = {"tcpSocket": {"port": service.port}}
        return {"readinessProbe": tcp}
    else:
        return {}
    interval = max(1, round(compose_seconds(check.get("interval"), Seconds(30.0))))
    probe: Tree = {
        "exec": {"command": command},
        "periodSeconds": interval,
        "timeoutSeconds": max(1, round(compose_seconds(check.get("timeout"), Seconds(30.0)))),
        "failureThreshold": number(check.get("retries")) or 3,
    }
    begin = compose_seconds(check.get("start_period"), Seconds(0.0))
    tries = max(1, round(begin)) + interval * (number(check.get("retries")) or 3)
    return {"readinessProbe": probe, "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": tries}}


def _limits(node: Node) -> Tree:
    resources = mapping(mapping(node.get("deploy")).get("resources"))
    found: Tree = {}
    for ours, theirs in (("limits", "limits"), ("reservations", "requests")):
        said = mapping(resources.get(ours))
        both = {"cpu": text(said.get("cpus")), "memory": text(said.get("memory"))}
        values: Tree = {key: value for key, value in both.items() if value}
        if values:
            found[theirs] = values
    limit: Tree = {"memory": text(node.get("mem_limit"))}
    if node.get("mem_limit") and "limits" not in found:
        found["limits"] = limit
    return {"resources": found} if found else {}


def _security(node: Node) -> Tree:
    said: Tree = {}
    user = re.fullmatch(r"(\d+)(?::(\d+))?", text(node.get("user")))
    if user:
        said["runAsUser"] = int(user[1])
        if user[2]:
            said["runAsGroup"] = int(user[2])
    if node.get("read_only"):
        said["readOnlyRootFilesystem"] = True
    if node.get("privileged"):
        said["privileged"] = True
    capabilities: Tree = {}
    for key, ours in (("cap_add", "add"), ("cap_drop", "drop")):
        values = [text(each).removeprefix("CAP_") for each in sequence(node.get(key))]
        if values:
            capabilities[ours] = values
    if capabilities:
        said["capabilities"] = capabilities
    return {"securityContext": said} if said else {}


def _route(stack: Stack, side: Side, inputs: Inputs) -> Tree:
    """Return the one object that sends all users to *side*: applied, all routes change in one write."""
    namespace, _, gateway = inputs.gateway.rpartition("/")
    parent: Tree = {"name": gateway or "gateway"}
    if namespace:
        parent["namespace"] = namespace
    routes = stack.having(Role.ROUTE)
    rules: list[Tree] = []
    for each in routes:
        path = "/" if len(routes) == 1 else f"/{name_of(each.name)}"
        back = {"name": name_of(each.name), "namespace": _namespace(stack, side), "port": each.port or 80}
        rules.append({"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [back]})
    spec: Tree = {"parentRefs": [parent], "rules": rules}
    return _object(f"{_ROUTES}/v1", "HTTPRoute", name_of(stack.project), _namespace(stack, None), spec=spec)


def _by_content(name: str, content: bytes) -> str:
    return f"{name}-{sha256(content).hexdigest()[:8]}"


def _meta(name: str, namespace: str) -> Tree:
    return {"name": name, "namespace": namespace}


def _object(version: str, kind: str, name: str, namespace: str, *, spec: Tree) -> Tree:
    return {"apiVersion": version, "kind": kind, "metadata": _meta(name, namespace), "spec": spec}


def left_behind(stack: Stack, inputs: Inputs) -> Iterator[str]:
    """Say what of the stack is not in the files, so that nothing is lost in silence."""
    for each in stack.services:
        node = services_in(stack.models[Side.BLUE]).get(each.name, {})
        if each.role is Role.TOOL or each.name == stack.proxy:
            yield f"{each.name}: {'the gateway is in its place' if each.name == stack.proxy else 'a tool'}"
            continue
        for mount in map(mapping, sequence(node.get("volumes"))):
            yield from (f"{each.name}: {found}" for found in _lost_mount(mount, each, inputs))
        lost = (key for key in node if key in REFUSED and key not in {"privileged", "pre_stop"} and node.get(key))
        yield from (f"{each.name}: {key}" for key in lost)
        if not each.role.rotates and node.get("ports"):
            yield f"{each.name}: its published ports"


def _lost_mount(mount: Node, service: Service, inputs: Inputs) -> Iterator[str]:
    kind, source, target = text(mount.get("type")), unescaped(mount.get("source")), text(mount.get("target"))
    if kind == "bind" and source not in inputs.contents:
        yield f"{source}, mounted at {target}"
    elif kind == "volume" and source and service.role.rotates:
        yield f"the volume {source}: at {target} each pod has an empty one of its own"
    elif kind not in {"bind", "volume", "tmpfs"}:
        yield f"the {kind} at {target}"


def promises(stack: Stack, left: Sequence[str]) -> str:
    """Return which promise is kept there, by whom."""
    rows: Sequence[tuple[str, str, str]] = (
        ("No lost request", "partly", "the gateway, where it waits for endpoints; nobody counts what is in flight"),
        ("One release per request", "yes", "a namespace for each color: plain names mean its own services"),
        ("All routes switch together", "per gateway replica", "one HTTPRoute holds all routes: one write"),
        (
            "Nothing before its time",
            "by you",
            "`kubectl -n NAMESPACE wait --for=condition=Available deploy --all` first",
        ),
        ("A failure costs nothing", "yes", "the other color is not touched until the switch"),
        ("A crash costs nothing", "yes", "Kubernetes goes on from what was applied"),
        ("Rollback is exact", "yes", "the other color's files, and its images by digest where you pin them"),
        ("Shared services are not touched", "yes", "they are in `base`, which a deploy does not apply"),
        ("One at a time", "no", "nobody holds a lock: let one pipeline deploy"),
        ("Nothing is said that was not seen", "no", "`kubectl apply` says that it was written"),
        ("No secret leaves", "by you", "environments are Secrets in these files: keep them closed"),
    )
    table = "\n".join(f"| {what} | {kept} | {by} |" for what, kept, by in rows)
    shared, first = _namespace(stack, None), COLORS[0]
    return f"""# {stack.project} on Kubernetes: what is kept, and by whom

Made by `teal export kubernetes`. Read it through before you apply it: sizes of volumes (10Gi), paths of the routes and
the name of the gateway are guesses.

```sh
kubectl apply -k base
kubectl apply -k colors/{first}
kubectl -n {_namespace(stack, first)} wait --for=condition=Available deployment --all
kubectl apply -f switch/{first}.yaml     # all users; the other file is the way back
```

| promise | kept | by |
|---|---|---|
{table}

{_listed(left)}The database in `{shared}` has one replica. Migrations, one-shots (Jobs, which may run twice), checks and
hooks are yours to run before the switch.
"""


def _listed(left: Sequence[str]) -> str:
    if not left:
        return ""
    return "Not in these files:\n\n" + "".join(f"- {each}\n" for each in dict.fromkeys(left)) + "\n"
