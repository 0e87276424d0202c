"""Networks, and containers' places on them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from teal.adapters.engine.api import EngineResource, EngineSaid, decoded, filters
from teal.adapters.engine.decode import (
    PROJECT,
    CreatedContainer,
    Inspected,
    InspectedNetwork,
    Listed,
    ListedNetwork,
    side_in,
)
from teal.errors import Failed
from teal.ports import Network

KEY = "com.docker.compose.network"
STOPPED = ["created", "exited", "dead"]
NOBODY = "nobody.invalid"  # no container's name
OWN_INTERFACE = "com.docker.network.bridge.name"  # two networks can't have one interface


class Networks(EngineResource):
    """Networks of a stack."""

    async def networks(self, stack: str) -> tuple[Network, ...]:
        """Return the networks that carry the label of one of the stack's projects, sorted by name."""
        listed = await self._api.get("/networks", list[ListedNetwork], {"filters": filters(label=[PROJECT])})
        ids = [each.id for each in listed if side_in(stack, each.labels) is not None]
        found = await asyncio.gather(*(self._network(id) for id in ids))
        return tuple(sorted((_read(each) for each in found if each is not None), key=lambda each: each.name))

    async def existing_networks(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that exist, whoever made them."""
        asked = tuple(names)
        found = await asyncio.gather(*map(self._network, asked))
        return frozenset(name for name, there in zip(asked, found, strict=True) if there is not None)

    async def create_network(
        self, name: str, *, labels: Mapping[str, str], internal: bool = False, like: str = ""
    ) -> str:
        """Create it, or find it with these labels; return its id."""
        body: dict[str, object] = {"Name": name, "Labels": dict(labels), "Internal": internal}
        if like:
            body |= await self._copied(like, internal=internal)
        try:
            return decoded(await self._api.post("/networks/create", body), CreatedContainer, "/networks/create").id
        except EngineSaid as said:
            if said.code != 409:
                raise
        return await self._existing(name, labels)

    async def remove_network(self, name: str) -> None:
        """Remove it; one that is gone is fine, one that containers run on is not.

        Stopped containers are taken off it before: the engine would let it go, and never start them again.
        """
        network = await self._network(name)
        if network is None:
            return
        # Who never ran knows it by name only, who did by id.
        wanted = filters(network=[network.id, network.name], status=STOPPED)
        there = await self._api.get("/containers/json", list[Listed], {"all": 1, "filters": wanted})
        await asyncio.gather(*(self.disconnect(network.name, each.id) for each in there))
        await self._if_there(self._api.delete(f"/networks/{network.id}"))

    async def connect(self, network: str, id: str, aliases: Sequence[str], *, priority: int = 0) -> None:
        """Put the container on *network* under *aliases*; one that is there under them already is left alone.

        Of a container's networks the one with the highest *priority* answers a name first (Engine 28 and newer).
        """
        # The engine takes any name for a container that does not run, and fails at its start.
        await self._api.get(f"/networks/{network}", InspectedNetwork)
        endpoint = {"Aliases": list(aliases), "GwPriority": priority}
        try:
            await self._api.post(f"/networks/{network}/connect", {"Container": id, "EndpointConfig": endpoint})
        except EngineSaid as said:
            if said.code != 403 or not await self._is_there(network, id, aliases):
                raise

    async def disconnect(self, network: str, id: str) -> None:
        """Take the container off *network*, running or not; one that is not there is fine."""
        try:
            await self._if_there(self._api.post(f"/networks/{network}/disconnect", {"Container": id, "Force": True}))
        except EngineSaid as said:
            if "is not connected to" not in said.message:
                raise

    async def hide(self, network: str, id: str, names: Iterable[str]) -> None:
        """Hide *names* on *network* from a container that does not run: it finds nobody by them there.

        A link gives a name a meaning of its container's own, and the engine doesn't ask the network for it then: one
        to nobody hides the name. Links that the container has are kept.
        """
        seen = await self._api.get(f"/containers/{id}/json", Inspected)
        place = (seen.network_settings.networks or {}).get(network)
        if place is None:
            raise Failed(f"{seen.name.removeprefix('/')} is not on the network {network}", hint="`teal status`")
        links = list(place.links or ())
        known = {link.rpartition(":")[2] for link in links}
        wanted = sorted(frozenset(names) - known)
        if not wanted:
            return
        endpoint = {
            "Aliases": list(place.aliases or ()),
            "GwPriority": place.gw_priority,
            "Links": [*links, *(f"{NOBODY}:{name}" for name in wanted)],
        }
        await self.disconnect(network, id)
        await self._api.post(f"/networks/{network}/connect", {"Container": id, "EndpointConfig": endpoint})

    async def _network(self, name: str) -> InspectedNetwork | None:
        return await self._api.find(f"/networks/{name}", InspectedNetwork)

    async def _copied(self, like: str, *, internal: bool) -> dict[str, object]:
        """Return how *like* was made, but for what only one network can have: addresses and interface."""
        model = await self._api.get(f"/networks/{like}", InspectedNetwork)
        return {
            "Driver": model.driver,
            "Options": {key: value for key, value in (model.options or {}).items() if key != OWN_INTERFACE},
            "Internal": internal or model.internal,
            "Attachable": model.attachable,
            "EnableIPv6": model.enable_ipv6,
        }

    async def _existing(self, name: str, labels: Mapping[str, str]) -> str:
        found = await self._api.get(f"/networks/{name}", InspectedNetwork)
        if not labels.items() <= (found.labels or {}).items():
            raise Failed(
                f"a network called {name} exists already and does not belong to this stack",
                hint=f"see who uses it: docker network inspect {name}; then: docker network rm {name}",
            )
        return found.id

    async def _is_there(self, network: str, id: str, aliases: Sequence[str]) -> bool:
        """Tell whether the container is on *network* under all *aliases*; raise where names are missing."""
        seen = await self._api.get(f"/containers/{id}/json", Inspected)
        place = (seen.network_settings.networks or {}).get(network)
        if place is None:
            return False
        missing = sorted(set(aliases) - set(place.aliases or ()))
        if missing:
            name = seen.name.removeprefix("/")
            raise Failed(
                f"{name} is on the network {network} already, but not as {', '.join(missing)}",
                hint=f"run: docker network disconnect {network} {name}",
            )
        return True


def _read(seen: InspectedNetwork) -> Network:
    labels = seen.labels or {}
    return Network(
        id=seen.id,
        name=seen.name,
        project=labels.get(PROJECT, ""),
        label=labels.get(KEY, ""),
        driver=seen.driver,
        internal=seen.internal,
        containers=tuple(sorted(seen.containers or ())),
    )
