"""Whether something else stands in front of the proxy, whose word on users the proxy would have to believe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teal.core.model.compose import Node, environment_of, last_part, mapping, networks_of, sequence, services_in, text
from teal.core.model.side import Side
from teal.core.model.stack import Stack

_TUNNELS = frozenset({"cloudflared", "ngrok", "tailscale"})  # they publish nothing, and lead users in all the same
_FRONTS = frozenset({"envoy", "haproxy", "nginx", "nginx-proxy", "nginx-proxy-manager", "swag", "traefik", "varnish"})
_LOOPBACK = ("127.", "::1", "[::1]", "localhost")

BELIEVE = (
    "else the application is told http and the front's address: it refuses forms, or redirects for ever. In the global "
    "options, at the top of the Caddyfile:\n"
    "  {\n  \tservers {\n  \t\ttrusted_proxies static private_ranges\n  \t}\n  }\n"
    "see docs/proxy.md#nginx-or-traefik-in-front"
)
BELIEVE_HERE = (
    "else the application is told http: write `trusted_proxies static private_ranges` into a block `servers` of the "
    "Caddyfile's global options, see docs/proxy.md#nginx-or-traefik-in-front"
)


def front(stack: Stack) -> str:
    """Return what shows that something else stands in front of the proxy, "" where nothing does."""
    services = services_in(stack.models[Side.PLAIN])
    proxy = services.get(stack.proxy, {})
    if not proxy or stack.own or proxy.get("network_mode"):
        return ""
    if not sequence(proxy.get("ports")):
        return "it publishes no port"
    router = next((key for key in mapping(proxy.get("labels")) if key.startswith("traefik.http.routers.")), "")
    told = router or ("VIRTUAL_HOST" if "VIRTUAL_HOST" in environment_of(proxy) else "")
    if told:
        return f"its {told} is for one"
    others = _others(services, stack.proxy, proxy) if on_loopback(stack) else iter(())
    return next((f"{name} is one" for name in others), "")


def on_loopback(stack: Stack) -> bool:
    """Tell whether only this machine reaches the ports that the proxy publishes."""
    if stack.own:
        return False
    ports = list(map(mapping, sequence(services_in(stack.models[Side.PLAIN]).get(stack.proxy, {}).get("ports"))))
    return bool(ports) and all(text(port.get("host_ip")).startswith(_LOOPBACK) for port in ports)


def _others(services: Mapping[str, Node], name: str, proxy: Node) -> Iterator[str]:
    """Yield the services, on a network of the proxy's, that lead users in."""
    for other, service in services.items():
        kind = last_part(text(service.get("image")))
        leads = kind in _TUNNELS or (kind in _FRONTS and bool(service.get("ports")))
        if leads and other != name and set(networks_of(service)) & set(networks_of(proxy)):
            yield other
