"""What the real ``caddy adapt`` makes of a Caddyfile, for tests of what Teal reads in that."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import cast

from proof.local import caddy_binary
from teal.core.model.compose import Node
from tests.caddy.world import SNIPPET


def adapted(folder: Path, text: str) -> Node:
    """Return the configuration that Caddy makes of a Caddyfile that may import Teal's snippet."""
    file = folder / "Caddyfile"
    lines = text.splitlines(keepends=True)
    ends = next((n + 1 for n, line in enumerate(lines) if line == "}\n"), 0) if lines[0] == "{\n" else 0
    file.write_text("".join([*lines[:ends], f"import {SNIPPET}\n", *lines[ends:]]), encoding="utf-8")
    argv = [caddy_binary(), "adapt", "--config", str(file), "--adapter", "caddyfile"]
    ran = subprocess.run(argv, capture_output=True, check=True, env={**os.environ, "HOME": str(folder)})
    return cast(Node, json.loads(ran.stdout))
