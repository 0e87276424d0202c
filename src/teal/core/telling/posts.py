"""A notification as each kind of receiver wants it: one POST. What else there is, Apprise knows."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never
from urllib.parse import urlsplit

import msgspec

from teal.core.telling.endings import UNASKED, Notification, Word

Kind = Literal["json", "slack", "ntfy", "grafana", "apprise"]
SIGNATURE = "Teal-Signature"
_PRIORITY: Mapping[str, str] = {"needs-person": "5", "failed": "4", "held": "4", "rolled-back": "4"}


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told; address, secret and token are secrets, and never shown."""

    url: str = field(repr=False)
    kind: Kind
    on: tuple[Word, ...] = UNASKED
    secret: str = field(default="", repr=False)  # signs JSON
    token: str = field(default="", repr=False)  # Authorization: Bearer
    missing: str = ""  # why it can't be told: a variable that is not set

    @property
    def shown(self) -> str:
        """Return what may be said of it: its kind and host."""
        try:
            host = urlsplit(self.url).hostname
        except ValueError:
            host = None
        return f"{self.kind} at {host}" if host and self.kind != "apprise" else self.kind


@dataclass(frozen=True, slots=True)
class Post:
    """A request to be sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def kind_of(url: str) -> Kind:
    """Return the kind of receiver that *url* shows by itself."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "json"
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"}:
        return "apprise"
    if host == "hooks.slack.com" or (host.endswith("discord.com") and parts.path.endswith("/slack")):
        return "slack"
    if host == "ntfy.sh":
        return "ntfy"
    return "grafana" if parts.path.rstrip("/").endswith("/api/annotations") else "json"


def post(receiver: Receiver, told: Notification) -> Post:
    """Return the request that tells *receiver*."""
    common = {"User-Agent": "teal", **({"Authorization": f"Bearer {receiver.token}"} if receiver.token else {})}
    typed = {**common, "Content-Type": "application/json"}
    match receiver.kind:
        case "json":
            body = msgspec.json.encode(told)
            signed = {SIGNATURE: f"sha256={signature(receiver.secret, body)}"} if receiver.secret else {}
            return Post(receiver.url, typed | signed, body)
        case "slack":
            return Post(receiver.url, typed, _json({"text": _slack(told.text)}))
        case "ntfy":
            headers = {
                "Title": _ascii(f"{told.project}: {told.on}"),
                "Markdown": "yes",
                "Tags": _ascii(f"teal,{told.on}"),
            }
            urgent = {"Priority": _PRIORITY[told.on]} if told.on in _PRIORITY else {}
            return Post(receiver.url, common | headers | urgent, told.text.encode())
        case "grafana":
            return Post(receiver.url, typed, _json(annotation(told)))
        case "apprise":
            raise ValueError("Apprise sends by itself")
        case _:
            assert_never(receiver.kind)


def signature(secret: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of *body*, in hexadecimal digits."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def annotation(told: Notification) -> dict[str, object]:
    """Return a region from the run's start to its end, for everybody's graphs."""
    release = [f"release:{told.release}"] if told.release is not None else []
    times = {"time": round(told.started * 1000)} if told.started else {}
    ends = {"timeEnd": round(told.ended * 1000)} if told.ended else {}
    return {**times, **ends, "tags": ["teal", told.project, *release, told.on], "text": told.text.replace("**", "")}


def _slack(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\*\*(.+?)\*\*", r"*\1*", safe)


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
