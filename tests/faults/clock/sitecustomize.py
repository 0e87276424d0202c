"""Found by a Python that is told to look here: its wall clock is wrong by what a file says, in seconds."""

import os
import time
from contextlib import suppress
from pathlib import Path

_now, _now_ns, _file = time.time, time.time_ns, Path(os.environ["TEAL_TEST_SHIFT"])


def _shift() -> float:
    with suppress(OSError, ValueError):
        return float(_file.read_text(encoding="ascii"))
    return 0.0


time.time = lambda: _now() + _shift()
time.time_ns = lambda: _now_ns() + int(_shift() * 1e9)
