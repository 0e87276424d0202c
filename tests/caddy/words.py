"""Random lines for the state file, and random requests: the snippet in a real Caddy and Teal's own reader must agree.

``python -m tests.caddy.words N`` asks about N lines and prints what it saw.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import httpx

from teal.core.model.traffic import PLAIN, Traffic, parse_traffic
from tests.caddy.world import KEY, World

HOLDS = 0.15  # seconds without an answer that mean: this waits
_SIDES = ("blue", "green", "plain")
_ODD = (
    *(
        "",
        " ",
        "red",
        "Blue",
        "blue\n",
        "blue\r\n",
        "blue\n\n",
        "blue ",
        " blue",
        "blue+",
        "blue.",
        "blue.0",
        "blue.07",
    ),
    *("blue+green", "blue+green=", "blue+green=4", "blue+green=400", "blue+green=G0", "blue+green=g1", "hold+blue=40"),
    *(
        "blue.8^",
        "blue.8^green",
        "blue.8^green.",
        "blue.8^red.7",
        "blue.8+green=40",
        "hold.3",
        "maintenance.3",
        "plain.*",
    ),
    *(
        "blue green",
        "blue green ",
        "blue green k k",
        "blue hold k",
        "hold maintenance k",
        "blue*",
        "{vars.teal}",
        "lost",
    ),
    *(
        "asked",
        "asked*",
        "blue+green=40 blue",
        "blue+red=40",
        "blue+green=40 blue k k",
        "blue\tgreen\tk",
        "blue\u00a0green\u00a0k",
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A user's request, as far as the snippet looks at it."""

    method: str = "GET"
    bucket: str = ""
    page: str = ""
    navigates: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Return it as headers."""
        cookies = [f"teal_bucket={self.bucket}"] * bool(self.bucket) + [f"teal_page={self.page}"] * bool(self.page)
        named = {"Cookie": "; ".join(["other=1", *cookies])}
        return named | ({"Sec-Fetch-Mode": "navigate"} if self.navigates else {"Sec-Fetch-Mode": "cors"})

    def wanted(self, traffic: Traffic) -> str:
        """Return who must answer: a side, ``maintenance``, or ``hold`` for nobody."""
        if traffic.offline:
            return str(traffic.users)
        bucket = int(self.bucket, 16) if self.bucket else None
        page = int(self.page) if self.page.isdecimal() else None
        side = traffic.leads(bucket=bucket, page=page, navigates=self.navigates and self.method in {"GET", "HEAD"})
        return str(side)


def line(chance: random.Random) -> str:
    """Return a line: one that means something, one that nearly does, or any."""
    if chance.random() < 0.15:
        return chance.choice(_ODD)
    text = _word(chance)
    if chance.random() < 0.4:
        text += f" {chance.choice(_SIDES)} {chance.choice([KEY, 'a1B2', 'x' * 64])}"
    if chance.random() < 0.25:
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(" .+^=*0g-é") + text[place + chance.randrange(2) :]
    return text


def _word(chance: random.Random) -> str:
    one, two = chance.choice(_SIDES), chance.choice(_SIDES)
    match chance.randrange(7):
        case 0 | 1:
            return f"{one}+{two}={chance.choice(['00', 'g0', f'{chance.randrange(256):02x}'])}"
        case 2:
            return f"{one}.{chance.choice([7, 8, 42, 1_000_000])}"
        case 3 | 4:
            return f"{one}.{chance.choice([8, 9])}^{two}.{chance.choice([7, 8])}"
        case 5:
            return one
    return chance.choice(["maintenance", "maintenance", "maintenance", "hold"])


def request(chance: random.Random) -> Asked:
    """Return a request."""
    return Asked(
        chance.choice(["GET", "GET", "POST", "HEAD"]),
        chance.choice(["", f"{chance.randrange(256):02x}"]),
        chance.choice(["", "7", "8", "9", "x"]),
        chance.random() < 0.4,
    )


async def answered(world: World, asked: Asked) -> str:
    """Send it, and return who answered."""
    try:
        got = await world.client.request(asked.method, "/x", headers=asked.headers, timeout=HOLDS)
    except httpx.TimeoutException:
        return "hold"
    if asked.method == "HEAD":
        return got.headers.get("x-side", "maintenance" if got.status_code == 503 else "")
    return "maintenance" if got.status_code == 503 else got.text.split()[0]


async def disagreements(world: World, count: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Ask about *count* lines; return where the two disagree, and how often each answer came."""
    chance, found, seen = random.Random(seed), [], Counter[str]()
    for _ in range(count):
        text, asked = line(chance), request(chance)
        world.write_raw(text.encode())
        traffic = parse_traffic(text.removesuffix("\n").removesuffix("\r")) or PLAIN
        wanted, got = asked.wanted(traffic), await answered(world, asked)
        if wanted != got and got == "hold":  # a busy machine: once more, with time
            await asyncio.sleep(0.5)
            got = await answered(world, asked)
        seen[got] += 1
        if wanted != got:
            found.append(f"{text!r} {asked}: Teal reads {wanted}, the snippet sends it to {got}")
    return found, seen


async def main(count: int) -> int:
    """Ask and print."""
    with tempfile.TemporaryDirectory(prefix="teal-words-") as folder:
        async with World(Path(folder)) as world:
            found, seen = await disagreements(world, count, random.randrange(2**32))
    print(*found[:20], sep="\n")
    known = ", ".join(f"{name} {number}" for name, number in sorted(seen.items()))
    print(f"{count} random lines, {len(found)} disagreements; answered by: {known}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]))))
