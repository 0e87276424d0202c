"""The Swarm port, over the socket of the manager on which Teal runs; one part for each noun."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import TypeVar

import msgspec

from teal.adapters import process
from teal.adapters.engine import DockerEngine
from teal.adapters.engine.api import Api, EngineSaid
from teal.adapters.swarm import edge
from teal.adapters.swarm.decode import Container, Image, Kept, Node, Service, Task
from teal.core.model.side import COLORS, Side, project_of
from teal.core.model.units import ReleaseId, Seconds
from teal.core.rendering.stack_file import AGENT, StackFile, edge_label, home_label, shared_project
from teal.core.swarm.asking import Seen
from teal.core.swarm.register import Mark, Said
from teal.core.swarm.truth import Truth
from teal.errors import BuildFailed, Failed, Locked, Refused, Unavailable
from teal.ports.swarm import Swarm, SwarmNode, SwarmTask

T = TypeVar("T")
FORMAT = 1
AGAIN = 40  # tries at half a second, while a new leader is elected
STEADY = Seconds(1.0)  # that a task must run: one that is unhealthy and ends was seen running for 0.1 s
CRASHES = 3
POLL = 0.2
_STALE = "out of sequence"


class KeptTruth(msgspec.Struct, frozen=True):
    """The label of the object of truth."""

    truth: Truth
    format: int = FORMAT


class DockerSwarm(Swarm):
    """A Docker Swarm."""

    def __init__(
        self, api: Api, engine: DockerEngine, project: str, *, proxy: str, port: int, environ: Mapping[str, str]
    ) -> None:
        """Speak for the stack *project*, whose *proxy* answers at *port* of its container."""
        self._api, self._engine, self._project = api, engine, project
        self._proxy, self._port = proxy, port
        self._environ = dict(environ)
        self._before: dict[Side, frozenset[str]] = {}  # tasks that were there before a color was filled

    # -- nodes and tasks

    async def nodes(self) -> tuple[SwarmNode, ...]:
        """Return the machines of the Swarm."""
        return tuple(
            SwarmNode(
                node.description.hostname,
                node.status.state,
                node.spec.role == "manager",
                (node.spec.labels or {}).get(edge_label(self._project)) == "yes",
                (node.spec.labels or {}).get(home_label(self._project)) == "yes",
            )
            for node in await self._nodes()
        )

    async def tasks(self, side: Side) -> tuple[SwarmTask, ...]:
        """Return where the services of *side* run; of plain the shared ones."""
        names = {node.id: node.description.hostname for node in await self._nodes()}
        found = []
        for service, tasks in (await self._tasks_of(self._stack(side))).items():
            found += [
                SwarmTask(service, names.get(task.node_id, ""), task.status.state, task.release, str(side))
                for task in tasks
                if task.desired_state == "running"
            ]
        return tuple(sorted(found, key=lambda each: (each.service, each.node)))

    async def lost(self, edges: Sequence[str]) -> frozenset[str]:
        """Return those of *edges* whose nodes Swarm calls down."""
        ready = {node.name for node in await self.nodes() if node.state == "ready"}
        return frozenset(edges) - ready

    async def lingers(self, side: Side) -> frozenset[str]:
        """Return the nodes, away now, on which tasks of *side* were not seen to end."""
        away = {n.id: n.description.hostname for n in await self._nodes() if n.status.state != "ready"}
        tasks = [task for found in (await self._tasks_of(self._stack(side))).values() for task in found]
        return frozenset(away[task.node_id] for task in tasks if task.node_id in away and not task.ended)

    async def _nodes(self) -> list[Node]:
        return await self._get("/nodes", list[Node])

    async def _tasks_of(self, stack: str) -> dict[str, list[Task]]:
        services = await self._services(stack)
        found: dict[str, list[Task]] = {name: [] for name in services}
        by_id = {service.id: name for name, service in services.items()}
        filters = json.dumps({"label": [f"com.docker.stack.namespace={stack}"]})
        for task in await self._get("/tasks", list[Task], {"filters": filters}):
            if task.service_id in by_id:
                found[by_id[task.service_id]].append(task)
        return found

    async def _services(self, stack: str) -> dict[str, Service]:
        filters = json.dumps({"label": [f"com.docker.stack.namespace={stack}"]})
        found = await self._get("/services", list[Service], {"filters": filters})
        return {str(msgspec.json.decode(each.spec)["Name"]): each for each in found}

    def _stack(self, side: Side) -> str:
        return project_of(self._project, side) if side.is_color else shared_project(self._project)

    # -- the object of truth

    async def read(self) -> Seen:
        """Return the truth; before the first deploy an empty one."""
        kept = await self._config(self._truth)
        if kept is None:
            raise Refused(f"{self._project} is not on this Swarm yet", hint="begin with: teal swarm up")
        beat = await self._config(self._beat)
        truth = _truth_of(kept)
        alive = beat is not None and (beat.spec.labels or {}).get("by") == truth.holder
        return Seen(truth, kept.version.index, beat.version.index if beat and alive else 0)

    async def swap(self, truth: Truth, version: int) -> int:
        """Write *truth* where the version is still *version*; an answer that was lost is looked for in the store."""
        for _ in range(AGAIN):
            kept = await self._config(self._truth)
            if kept is None:
                return 0
            if kept.version.index != version:
                return kept.version.index if _truth_of(kept) == truth else 0
            with suppress(Unavailable):
                try:
                    await self._label(kept, {"teal": msgspec.json.encode(KeptTruth(truth)).decode()})
                except EngineSaid as said:
                    if said.code < 500:
                        raise
                    if _STALE not in said.message:
                        await asyncio.sleep(0.5)
                        continue
                now = await self._config(self._truth)
                return now.version.index if now and _truth_of(now) == truth else 0
            await asyncio.sleep(0.5)
        raise Unavailable("the Swarm's managers can't agree on a change", hint="`docker node ls` shows who is missing")

    async def beat(self, by: str) -> None:
        """Move the version of the sign of life, and say whose it is."""
        kept = await self._config(self._beat)
        if kept is not None:
            with suppress(EngineSaid, Unavailable):
                await self._label(kept, {"by": by, "n": secrets.token_hex(4)})

    @property
    def _truth(self) -> str:
        return f"{self._project}.teal"

    @property
    def _beat(self) -> str:
        return f"{self._project}.beat"

    async def _label(self, kept: Kept, labels: Mapping[str, str]) -> None:
        spec = {"Name": kept.spec.name, "Labels": {"teal.project": self._project, **labels}, "Data": kept.spec.data}
        await self._api.post(f"/configs/{kept.id}/update", spec, params={"version": kept.version.index})

    async def _config(self, name: str) -> Kept | None:
        found = await self._get("/configs", list[Kept], {"filters": json.dumps({"name": [name]})})
        return next((each for each in found if each.spec.name == name), None)

    async def _make(self, kind: str, name: str, content: bytes, labels: Mapping[str, str] | None = None) -> None:
        """Create a config or secret; one of that name is there already is as good."""
        data = base64.b64encode(content).decode()
        spec = {"Name": name, "Labels": {"teal.project": self._project, **(labels or {})}, "Data": data}
        try:
            await self._api.post(f"/{kind}/create", spec)
        except EngineSaid as said:
            if said.code != 409:
                raise

    async def _get(self, path: str, shape: type[T], params: Mapping[str, str | int] | None = None) -> T:
        """Read from the store; while a new leader is elected, wait for it."""
        for attempt in range(AGAIN):
            try:
                return await self._api.get(path, shape, params)
            except EngineSaid as said:
                if said.code == 503 and "not a swarm manager" in said.message:
                    raise Refused(
                        "this node is no manager of a Swarm", hint="run teal on one of its managers"
                    ) from said
                if said.code < 500 or attempt == AGAIN - 1:
                    raise
                await asyncio.sleep(0.5)
        raise AssertionError("not reached")

    # -- edges

    async def prepare(self, mark: Mark, edges: Sequence[str]) -> Mapping[str, str]:
        """Have *edges* promise *mark*."""
        return _whys(await self._ask("prepare", {"epoch": mark.epoch, "word": mark.word}, edges))

    async def tell(self, mark: Mark, upto: int, edges: Sequence[str]) -> Mapping[str, str]:
        """Tell *edges* that *mark* is decided."""
        return _whys(await self._ask("tell", {"epoch": mark.epoch, "word": mark.word, "upto": upto}, edges))

    async def hear(self, edges: Sequence[str]) -> Mapping[str, Said]:
        """Return what *edges* say that answer."""
        answers = await self._ask("say", None, edges)
        return {name: edge.said_of(answer) for name, answer in answers.items() if "kept" in answer}

    async def in_flight(self, side: Side, key: str, edges: Sequence[str]) -> Mapping[str, tuple[int, int] | None]:
        """Return by edge the requests and WebSockets in flight to *side*; None where an edge does not say."""
        headers = {"Proxy-Authorization": f"Teal {key}", "X-Teal-Ask": "upstreams"}
        answers = await self._call("through", None, edges, self._proxy, headers)
        return {name: _count(answers.get(name, {}), side) for name in edges}

    async def _ask(self, what: str, body: edge.Json | None, edges: Sequence[str]) -> Mapping[str, edge.Json]:
        return await self._call(what, body, edges, AGENT, {})

    async def _call(
        self, what: str, body: edge.Json | None, edges: Sequence[str], service: str, headers: Mapping[str, str]
    ) -> Mapping[str, edge.Json]:
        """Carry a question from the agent of this node to the *service* on each of *edges*."""
        if not edges:
            return {}
        names = {node.id: node.description.hostname for node in await self._nodes()}
        tasks = (await self._tasks_of(shared_project(self._project))).get(
            f"{shared_project(self._project)}_{service}", []
        )
        to = {names[t.node_id]: t.address for t in tasks if t.runs and t.address and t.node_id in names}
        words = {
            "what": what,
            "body": body,
            "to": {name: address for name, address in to.items() if name in edges},
            "port": self._port,
            "headers": dict(headers),
        }
        argv = ["python", "-m", "teal.adapters.swarm.edge", "call", json.dumps(words)]
        ran = await self._engine.execute(await self._own_agent(), argv, within=Seconds(15.0))
        try:
            found: Mapping[str, edge.Json] = json.loads(ran.output)
        except ValueError as error:
            raise Unavailable(f"the agent of this node answered {ran.output[-300:]!r}") from error
        return found

    async def _own_agent(self) -> str:
        label = f"com.docker.swarm.service.name={shared_project(self._project)}_{AGENT}"
        for _ in range(AGAIN):
            found = await self._api.get(
                "/containers/json", list[Container], {"filters": json.dumps({"label": [label], "status": ["running"]})}
            )
            if found:
                return found[0].id
            await asyncio.sleep(0.5)
        raise Unavailable(
            "no agent runs on this node",
            hint=f"run teal on a manager with the label {edge_label(self._project)}=yes, after `teal swarm up`",
        )

    # -- stacks

    async def fill(self, side: Side, release: ReleaseId, version: int) -> None:
        """Deploy the stack file of *release* over what stood in *side*."""
        kept = await self._config(f"{self._project}.r{release}.{side}")
        if kept is None:
            raise Refused(f"release {release} is no longer kept", hint="deploy it anew")
        text = _text(kept).encode()
        stack = self._stack(side)
        self._before[side] = frozenset(t.id for found in (await self._tasks_of(stack)).values() for t in found)
        await self._fenced(version)
        await self._deploy(stack, text)

    async def gate(self, side: Side, release: ReleaseId, *, within: Seconds) -> str:
        """Wait until each service of *side* has its tasks running, of this release, for a second."""
        stack, clock = self._stack(side), asyncio.get_running_loop().time
        until, since = clock() + within, dict[str, float]()
        before = self._before.get(side, frozenset())
        waiting = ""
        while clock() < until:
            services = await self._services(stack)
            tasks = await self._tasks_of(stack)
            waiting = ""
            for name, service in services.items():
                want = _replicas(service)
                mine = [t for t in tasks[name] if t.release == str(release) and t.id not in before]
                up = [t for t in mine if t.runs]
                for task in up:
                    since.setdefault(task.id, clock())
                ended = [t for t in mine if t.ended]
                if len(ended) >= CRASHES:
                    why = ended[0].status.err or ended[0].status.state
                    return f"{name} ended {len(ended)} times: {why}\n{await self._log(name, 15)}".strip()
                if sum(clock() - since[t.id] >= STEADY for t in up) < want:
                    waiting = waiting or f"{name}: {len(up)} of {want} tasks are healthy"
            if services and not waiting:
                return ""
            await asyncio.sleep(POLL)
        return f"{waiting or 'nothing runs'} after {within:.0f} s"

    async def retire(self, side: Side, version: int) -> None:
        """Scale the services of *side* to none; their definitions stay, for a rollback."""
        stack = self._stack(side)
        services = await self._services(stack)
        await self._fenced(version)  # after the versions were read: what another command does now makes them stale
        for service in services.values():
            spec = msgspec.json.decode(service.spec)
            spec["Mode"]["Replicated"]["Replicas"] = 0
            try:
                await self._api.post(f"/services/{service.id}/update", spec, params={"version": service.version.index})
            except EngineSaid as said:
                if _STALE in said.message:
                    raise Locked(
                        "another command changes these services", hint="`teal swarm status` shows what"
                    ) from said
                raise
        for _ in range(300):
            tasks = [t for found in (await self._tasks_of(stack)).values() for t in found]
            ready = {n.id for n in await self._nodes() if n.status.state == "ready"}
            if all(t.ended for t in tasks if t.node_id in ready):
                return
            await asyncio.sleep(POLL)

    async def _fenced(self, version: int) -> None:
        if (await self.read()).version != version:
            raise Locked(
                "another command has taken the lock meanwhile", hint="`teal swarm status` shows what is so now"
            )

    async def _deploy(self, stack: str, text: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "stack.json"
            file.write_bytes(text)
            file.chmod(0o600)
            words = ("stack", "deploy", "--detach=true", "--prune", "--resolve-image", "never", "--with-registry-auth")
            await self._docker(*words, "-c", str(file), stack)

    async def _docker(self, *words: str) -> str:
        ended = await process.run(("docker", *words), cwd="/", env=process.clean(self._environ))
        if ended.status:
            raise Failed(f"docker {words[0]} {words[1]} failed", detail=ended.text, hint="its own words are above")
        return ended.text

    # -- releases

    async def keep(self, release: ReleaseId, files: Mapping[Side, StackFile]) -> None:
        """Keep the stack files of *release*, and what they name."""
        for file in files.values():
            await self._objects(file)
        for side, file in files.items():
            content = gzip.compress(file.text.encode(), mtime=0)
            await self._make("configs", f"{self._project}.r{release}.{side}", content, {"teal.release": str(release)})

    async def _objects(self, file: StackFile) -> None:
        for name, (kind, content) in file.objects.items():
            await self._make(kind, name, content)

    async def prune(self, kept: frozenset[ReleaseId]) -> tuple[str, ...]:
        """Remove releases that are not *kept*, and files that no service names."""
        mine = json.dumps({"label": [f"teal.project={self._project}"]})
        there = [
            (kind, each)
            for kind in ("configs", "secrets")
            for each in await self._get(f"/{kind}", list[Kept], {"filters": mine})
        ]
        texts = [_text(each) for _, each in there if self._release_of(each.spec.name) in kept]
        gone = []
        for kind, each in there:
            name = each.spec.name
            file = re.fullmatch(rf"{re.escape(self._project)}\.[cs]\.[0-9a-f]{{12}}", name)
            release = self._release_of(name)
            if (file and not any(name in text for text in texts)) or (release and release not in kept):
                with suppress(EngineSaid):  # a service names it
                    await self._api.delete(f"/{kind}/{each.id}")
                    gone.append(name)
        return tuple(sorted(gone))

    def _release_of(self, name: str) -> ReleaseId | None:
        found = re.fullmatch(rf"{re.escape(self._project)}\.r(\d+)\.\w+", name)
        return ReleaseId(int(found[1])) if found else None

    async def pin(self, image: str, registry: str, name: str) -> str:
        """Return *image* by a registry's digest."""
        if "@sha256:" in image:
            return image
        found = await self._api.find(f"/images/{image}/json", Image)
        if found is None:
            await self._docker("pull", "--quiet", image)
            found = await self._api.get(f"/images/{image}/json", Image)
        for digest in found.repo_digests or ():
            if not registry or digest.startswith(f"{registry}/"):
                return digest
        if not registry:
            raise Refused(f"no registry has {image}", hint="name one in teal.yml: `swarm: {registry: HOST:5000}`")
        return await self._push(image, f"{registry}/{name}")

    async def _push(self, image: str, name: str) -> str:
        tag = f"{name}:teal"
        await self._docker("tag", image, tag)
        await self._docker("push", "--quiet", tag)
        found = await self._api.get(f"/images/{tag}/json", Image)
        for digest in found.repo_digests or ():
            if digest.startswith(f"{name}@"):
                return digest
        raise BuildFailed(f"{tag} was pushed, and has no digest", hint="see: docker image inspect")

    # -- what all stacks need

    async def prepare_ground(self, edges: Sequence[str], networks: Mapping[str, bool]) -> None:
        """Make what is not there yet."""
        for name, internal in networks.items():
            await self._network(name, internal=internal)
        await self._make("secrets", f"{self._project}.edge", secrets.token_hex(32).encode())
        await self._make("configs", self._beat, b"{}")
        first = msgspec.json.encode(KeptTruth(Truth(edges=tuple(sorted(edges))))).decode()
        await self._make("configs", self._truth, b"{}", {"teal": first})

    async def _network(self, name: str, *, internal: bool) -> None:
        spec = {
            "Name": name,
            "Driver": "overlay",
            "Attachable": True,
            "Internal": internal,
            "Labels": {"teal.project": self._project},
        }
        filters = json.dumps({"name": [name]})
        there = await self._get("/networks", list[dict[str, object]], {"filters": filters})
        if not any(each.get("Name") == name for each in there):
            await self._api.post("/networks/create", spec)

    async def up_shared(self, file: StackFile) -> None:
        """Deploy the shared stack."""
        await self._objects(file)
        await self._deploy(file.project, file.text.encode())

    async def has_shared(self) -> bool:
        """Tell whether the shared stack is there."""
        return bool(await self._services(shared_project(self._project)))

    async def agent(self, registry: str) -> str:
        """Build the agent from Teal's own package, and push it."""
        package = resources.files("teal")
        with tempfile.TemporaryDirectory() as folder:
            for name in AGENT_FILES:
                path = Path(folder) / "teal" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(package.joinpath(name).read_text(encoding="utf-8"), encoding="utf-8")
            (Path(folder) / "Dockerfile").write_text(AGENT_IMAGE)
            await self._docker("build", "--quiet", "--tag", "teal-edge", folder)
        return await self.pin("teal-edge", registry, "teal-edge")

    async def logs(self, side: Side, service: str, lines: int) -> str:
        """Return the last lines of *service* in *side*, of all nodes."""
        name = f"{service}-{side}" if side in COLORS else service
        return await self._log(f"{self._stack(side)}_{name}", lines)

    async def _log(self, name: str, lines: int) -> str:
        with suppress(Failed):
            return await self._docker("service", "logs", "--tail", str(lines), name)
        return ""


AGENT_FILES = (
    "__init__.py",
    "core/__init__.py",
    "core/swarm/__init__.py",
    "core/swarm/register.py",
    "adapters/__init__.py",
    "adapters/swarm/__init__.py",
    "adapters/swarm/edge.py",
)
AGENT_IMAGE = """\
FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1
WORKDIR /app
COPY teal /app/teal
CMD ["python", "-m", "teal.adapters.swarm.edge", "serve"]
"""


def _text(kept: Kept) -> str:
    """Return the stack file that is kept there."""
    return gzip.decompress(base64.b64decode(kept.spec.data)).decode()


def _truth_of(kept: Kept) -> Truth:
    label = (kept.spec.labels or {}).get("teal", "")
    found = msgspec.json.decode(label, type=KeptTruth)
    if found.format > FORMAT:
        raise Refused("a newer Teal works on this Swarm", hint="upgrade Teal on this manager")
    return found.truth


def _replicas(service: Service) -> int:
    mode = msgspec.json.decode(service.spec)["Mode"]
    return int(mode["Replicated"].get("Replicas", 0)) if "Replicated" in mode else 0


def _whys(answers: Mapping[str, edge.Json]) -> dict[str, str]:
    return {name: str(answer.get("why", answer.get("error", ""))) for name, answer in answers.items()}


def _count(answer: edge.Json, side: Side) -> tuple[int, int] | None:
    """Return requests and WebSockets to *side*; rows of one address may come twice, and count once."""
    try:
        rows = {str(row["address"]): int(row["num_requests"]) for row in json.loads(answer["body"])}
    except (KeyError, ValueError, TypeError):
        return None
    ours = {name.rpartition(":")[0]: count for name, count in rows.items()}
    requests = sum(count for name, count in ours.items() if name.endswith(f"-{side}"))
    return requests, sum(count for name, count in ours.items() if name.endswith(f"-{side}."))
