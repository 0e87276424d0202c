"""What the engine's API says of a Swarm, as far as Teal reads it."""

from __future__ import annotations

from msgspec import Raw, Struct, field


class Version(Struct, frozen=True):
    """The version of an object of the store, for compare-and-set."""

    index: int = field(name="Index")


class ObjectSpec(Struct, frozen=True, rename="pascal"):
    """A config or secret."""

    name: str
    labels: dict[str, str] | None = None
    data: str = ""  # base64


class Kept(Struct, frozen=True, rename="pascal"):
    """A config or secret as the store has it."""

    spec: ObjectSpec
    version: Version
    id: str = field(name="ID")


class NodeSpec(Struct, frozen=True, rename="pascal"):
    """What people say of a node."""

    labels: dict[str, str] | None = None
    role: str = ""


class NodeDescription(Struct, frozen=True, rename="pascal"):
    """What a node says of itself."""

    hostname: str = ""


class NodeStatus(Struct, frozen=True, rename="pascal"):
    """How it goes."""

    state: str = ""


class Node(Struct, frozen=True, rename="pascal"):
    """A node."""

    spec: NodeSpec
    description: NodeDescription
    status: NodeStatus
    id: str = field(name="ID")


class ContainerSpec(Struct, frozen=True, rename="pascal"):
    """What a task runs."""

    env: list[str] | None = None


class TaskSpec(Struct, frozen=True, rename="pascal"):
    """What a task is to be."""

    container_spec: ContainerSpec = ContainerSpec()


class TaskStatus(Struct, frozen=True, rename="pascal"):
    """What a task is."""

    state: str = ""
    err: str = ""
    message: str = ""


class Attachment(Struct, frozen=True, rename="pascal"):
    """An address of a task."""

    addresses: list[str] | None = None


class Task(Struct, frozen=True, rename="pascal"):
    """A task of a service."""

    spec: TaskSpec
    status: TaskStatus
    desired_state: str
    id: str = field(name="ID")
    service_id: str = field(name="ServiceID", default="")
    node_id: str = field(name="NodeID", default="")
    networks_attachments: list[Attachment] | None = None

    @property
    def address(self) -> str:
        """Return its first address on an overlay, without the mask."""
        found = [each for one in self.networks_attachments or () for each in one.addresses or ()]
        return found[0].partition("/")[0] if found else ""

    @property
    def release(self) -> str:
        """Return the release that it belongs to."""
        said = (each.partition("=") for each in self.spec.container_spec.env or ())
        return next((value for name, _, value in said if name == "TEAL_RELEASE"), "")

    @property
    def runs(self) -> bool:
        """Tell whether it runs, and is to."""
        return self.status.state == "running" and self.desired_state == "running"

    @property
    def ended(self) -> bool:
        """Tell whether it will do nothing more."""
        return self.status.state in {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"}


class Service(Struct, frozen=True, rename="pascal"):
    """A service; its spec as it came, to be sent back."""

    spec: Raw
    version: Version
    id: str = field(name="ID")


class Container(Struct, frozen=True, rename="pascal"):
    """A container of this node."""

    id: str
    state: str = ""


class Image(Struct, frozen=True, rename="pascal"):
    """An image of this node."""

    repo_digests: list[str] | None = None
