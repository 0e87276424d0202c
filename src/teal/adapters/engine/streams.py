"""Translates: the engine's streams of a process's output. No I/O."""

from __future__ import annotations

HEADER = 8  # bytes: stream number, three zeros, length (big endian)
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


class Frames:
    """Takes a multiplexed stream in pieces of any size and gives back the bytes in it, both streams in order."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Return what has become complete with *piece*."""
        self._held += piece
        done = bytearray()
        while len(self._held) >= HEADER:
            end = HEADER + int.from_bytes(self._held[4:HEADER], "big")
            if len(self._held) < end:
                break
            done += self._held[HEADER:end]
            del self._held[:end]
        return bytes(done)


class Raw:
    """Takes the stream of a terminal, which has no frames."""

    def feed(self, piece: bytes) -> bytes:
        """Return *piece*."""
        return piece


def unframed(content_type: str) -> Frames | Raw:
    """Return what reads a body of this content type."""
    return Frames() if content_type.startswith(MULTIPLEXED) else Raw()


def text(output: bytes | bytearray) -> str:
    """Return output as text; what is not UTF-8 shows as replacement characters, a terminal's CRs go."""
    return output.decode(errors="replace").replace("\r\n", "\n")
