"""The till: the smallest stack whose releases share a real database, and what tests do with it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import Teal

SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"


@dataclass
class Till:
    """A copy of the stack, its Teal, and the way to its database."""

    stack: Stack
    teal: Teal

    def sql(self, query: str) -> str:
        """Return what *query* answers."""
        return self.stack.compose("exec", "-T", "db", "psql", "-U", "till", "-tAc", query).strip()

    def write(self, name: str, text: str) -> None:
        (self.stack.folder / name).write_text(text, encoding="utf-8")

    def migration(self, name: str, text: str) -> None:
        self.write(f"migrations/{name}.sql", text)

    def section(self, text: str) -> None:
        """Put another section migrations into teal.yml."""
        said = (self.stack.folder / "teal.yml").read_text(encoding="utf-8")
        self.write("teal.yml", f"{said.partition('migrations:')[0]}migrations:\n{text}")

    def contracts(self) -> list[tuple[Any, ...]]:
        path = self.teal.home / self.stack.project / "journal.db"
        with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as journal:
            return journal.execute("SELECT name, release FROM contract ORDER BY name").fetchall()

    def steps(self, of: Any) -> list[str]:
        """Return the names of the steps that were performed and were not true already."""
        return [line["step"] for line in of.lines if line.get("event") == "step-ended" and not line["passed"]]


@contextmanager
def opened_till(folder: Path) -> Iterator[Till]:
    """Yield a copy of the stack below *folder*, not deployed yet; remove all of it at the end."""
    stack = copy_stack("till", folder / "till")
    found = Till(stack, Teal(stack.folder, folder / "home"))
    shutil.copy(SNIPPET, stack.folder)
    try:
        yield found
    finally:
        found.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        remove(docker("ps", "-aq", "--filter", f"name={stack.project}-once-"), "rm", "-f")
