"""What the library and its worker processes say to each other, a line of JSON each."""

from dataclasses import dataclass

import msgspec

from proof.load.mix import Mix
from proof.load.sample import Sample

BATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Order:
    """All that one worker needs to know."""

    http: str
    https: str
    rate: float  # of all workers together, requests a second
    mix: Mix
    worker: int
    of: int
    seed: int
    timeout: float  # seconds for an answer, beyond what the request lasts by itself


@dataclass(frozen=True, slots=True)
class Batch:
    """What a worker has to tell: finished requests, and how many it has begun and the CPU seconds since its start."""

    samples: tuple[Sample, ...]
    issued: int
    cpu: float
    last: bool = False


def line(value: Order | Batch) -> bytes:
    """Return *value* as one line."""
    return msgspec.json.encode(value) + b"\n"


def order(text: bytes) -> Order:
    """Read an Order."""
    return msgspec.json.decode(text, type=Order)


def batch(text: bytes) -> Batch:
    """Read a Batch."""
    return msgspec.json.decode(text, type=Batch)
