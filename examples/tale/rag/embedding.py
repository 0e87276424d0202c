"""A small deterministic embedding: words and their trigrams hashed into a unit vector. No model."""

import math
import re
from collections.abc import Iterator
from hashlib import blake2b

DIMENSIONS = 256
TRIGRAM_WEIGHT = 0.6
_WORD = re.compile(r"[a-z0-9]+")
_COMMON_WORDS = """
a about an and are as at be but by can do does for from had has have how i in into is it its many most much no not
of on or so than that the their them then there they this to was were what when where which who why will with would
you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def words(text: str) -> list[str]:
    """Return the meaningful words of *text*, lower case, without common endings."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON]


def embed(text: str) -> list[float]:
    """Return a vector of length 1 (of length 0 for a text without meaningful words)."""
    vector = [0.0] * DIMENSIONS
    for feature, weight in _features(text):
        place, sign = _place(feature)
        vector[place] += sign * weight
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else vector


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in words(text):
        yield word, 1.0
        padded = f"<{word}>"
        for start in range(len(padded) - 2):
            yield padded[start : start + 3], TRIGRAM_WEIGHT


def _place(feature: str) -> tuple[int, float]:
    digest = blake2b(feature.encode(), digest_size=4).digest()
    return int.from_bytes(digest[:2]) % DIMENSIONS, 1.0 if digest[2] & 1 else -1.0
