"""What to do about Docker's most frequent failures, found by the words that they print."""

from __future__ import annotations

_PORT = "find what uses it: docker ps; sudo ss -ltnp"
_POOL = (
    "the engine has no address left for another network. Remove those that nothing needs (docker network ls, "
    "docker network rm NAME), or give it more: default-address-pools in /etc/docker/daemon.json"
)
_KNOWN = {
    "port is already allocated": _PORT,
    "address already in use": _PORT,
    "have been fully subnetted": _POOL,
    "non-overlapping IPv4 address pool": _POOL,
    "no space left on device": "find what fills it: docker system df; df -h",
    "pull access denied": "check the image's name; a private registry needs: docker login",
    "toomanyrequests": "the registry limits pulls: docker login, or wait",
    "cannot allocate memory": "find what uses it: docker stats; free -m",
}


def hint(text: str) -> str:
    """Return what to do about the failure that *text* tells of, "" where that is not known."""
    return next((advice for words, advice in _KNOWN.items() if words in text), "")
