"""A request and what has been seen of its answer so far; the shape that both HTTP clients share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. A body with *pace* goes out in pieces, one each *pace* seconds."""

    method: str
    path: str
    body: bytes | None = None
    piece: int = 50_000  # bytes
    pace: float = 0.0
    sized: bool = True  # say Content-Length beforehand; HTTP/1.1 is chunked otherwise

    def pieces(self) -> Iterator[bytes]:
        """Yield the body in pieces."""
        body = self.body or b""
        for start in range(0, len(body), self.piece):
            yield body[start : start + self.piece]


@dataclass(slots=True)
class Answer:
    """What came back so far; filled while it comes, so that a cut answer still tells who gave it."""

    status: int = 0
    color: str = ""
    release: str = ""
    started: float = 0.0
    marked: bool = False
    body: bytearray = field(default_factory=bytearray)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take status and the headers that say who answers; *headers* must ignore case or be lower."""
        self.status = status
        self.color = headers.get("x-color", "")
        self.release = headers.get("x-release", "")
        self.marked = "x-release" in headers and "x-color" in headers
        self.started = number(headers.get("x-started", ""))


def number(text: str) -> float:
    """Return *text* as a float, 0.0 if it is none."""
    try:
        return float(text)
    except ValueError:
        return 0.0


class Cut(Exception):
    """The connection or stream ended before the answer was whole."""


class Client(Protocol):
    """Sends requests one way; opens and keeps its own connections. Never retries."""

    async def exchange(self, request: Request, answer: Answer, *, fresh: bool) -> None:
        """Send *request*, fill *answer*; raise OSError, Cut or the library's own error if that fails."""

    async def close(self) -> None:
        """Close every connection."""
