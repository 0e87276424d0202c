"""A DNS server on loopback: names of containers, without containers."""

import asyncio
import socket
import struct
from collections.abc import Mapping

_ANSWER = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4)  # the name asked for, an A record, for 0 s, of 4 bytes


class Names(asyncio.DatagramProtocol):
    """Answers A questions from *known*; any other name does not exist. *asked* keeps the names."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = dict(known)
        self.asked: list[str] = []
        self.address = ("", 0)

    async def start(self) -> None:
        """Answer at a free port of 127.0.0.1."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("127.0.0.1", 0))
        self.address = self._transport.get_extra_info("sockname")

    def stop(self) -> None:
        """Answer no more."""
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        name, kind, end = _question(data)
        self.asked.append(name)
        address = self.known.get(name)
        found = [_ANSWER + socket.inet_aton(address)] if address and kind == 1 else []
        flags = 0x8180 if address else 0x8183
        head = data[:2] + struct.pack(">HHHHH", flags, 1, len(found), 0, 0)
        self._transport.sendto(head + data[12:end] + b"".join(found), addr)


def _question(data: bytes) -> tuple[str, int, int]:
    """Return the name asked for, the record's kind, and where the question ends."""
    labels, at = [], 12
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels), struct.unpack(">H", data[at + 1 : at + 3])[0], at + 5
