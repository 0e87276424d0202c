"""``python -m tests.reach --deploy [NAME…]``: each stack that `teal check` calls ready is deployed, as a person would.

Started plainly in a folder of its own, and asked as outsiders do; then `teal deploy --yes`, a second release, rollback
and `teal leave`, and after each the same is answered. What fails, though it was called ready, is printed.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reach.images import images, make
from tests.reach.load import stacks
from tests.reach.model import Look, Stack
from tests.reach.plain import INSIDE, Plain

TEAL = Path(sys.executable).parent / "teal"
WAYS = (("deploy", "--yes"), ("deploy", "--yes", "--force"), ("rollback",), ("leave", "--yes"))


class Rolled(Plain):
    """A stack that Teal deploys; asked by the same looks."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        super().__init__(stack, folder)
        (folder / "teal").mkdir()
        self.environment |= {"COMPOSE_PROJECT_NAME": self.project}

    def teal(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``teal WORDS`` in the stack's folder."""
        argv = [str(TEAL), *words]
        return subprocess.run(argv, cwd=self.folder, env=self.environment, check=False, capture_output=True, text=True)

    def ready(self) -> bool:
        """Whether `check` calls it so."""
        return bool(json.loads(self.teal("check", "--json").stdout).get("ready"))

    def ask(self, look: Look) -> str:
        """As Plain, of a service wherever it stands now."""
        if not look.inside:
            return super().ask(look)
        container = next(self._containers(look.inside), "")
        argv = ["docker", "exec", container, "python3", "-c", INSIDE, look.url]
        return subprocess.run(argv, check=False, capture_output=True, text=True).stdout

    def _containers(self, service: str) -> Iterator[str]:
        for end in ("-blue", "-green", ""):
            labels = (
                f"label=com.docker.compose.project={self.project}{end}",
                f"label=com.docker.compose.service={service}{end}",
            )
            argv = ["docker", "ps", "--quiet", *(word for label in labels for word in ("--filter", label))]
            yield from subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()

    def stop(self) -> None:
        """Remove all that Teal and Compose have made."""
        self.teal("down", "--volumes", "--yes")
        super().stop()
        tags = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", f"teal/{self.project}/*"]
        if made := subprocess.run(tags, check=False, capture_output=True, text=True).stdout.split():
            subprocess.run(["docker", "rmi", "--force", *made], check=False, capture_output=True)


def try_one(stack: Stack) -> list[str] | None:
    """What is wrong with it; None where it is not called ready."""
    with tempfile.TemporaryDirectory(prefix="reach-", ignore_cleanup_errors=True) as folder:
        rolled = Rolled(stack, Path(folder))
        try:
            rolled.start()
            before = [wrong for wrong in map(rolled.look, stack.expect.looks) if wrong]
            if before or not rolled.ready():
                return before or None
            return list(_wrong(rolled))
        except RuntimeError as error:
            return [str(error)]
        finally:
            rolled.stop()


def _wrong(rolled: Rolled) -> Iterator[str]:
    for words in WAYS:
        said = " ".join(("teal", *words))
        ended = rolled.teal(*words)
        if ended.returncode:
            yield f"{said}: status {ended.returncode}: {ended.stderr[-1500:]}"
            return
        yield from (f"after {said}: {wrong}" for wrong in map(rolled.look, rolled.stack.expect.looks) if wrong)


def run(at: Path, names: Sequence[str]) -> int:
    """Try them one after the other, a line for each; return how many failed that were called ready."""
    make(images(at))
    failed = 0
    for stack in stacks(at):
        if names and stack.name not in names:
            continue
        began = time.monotonic()
        wrong = try_one(stack)
        failed += bool(wrong)
        word = "not called ready" if wrong is None else "deployed, again, rolled back, left" if not wrong else "FAILED"
        lines = (f"{stack.name}: {word}, {time.monotonic() - began:.0f} s", *(wrong or ()))
        print("\n    ".join(lines), flush=True)
    print(f"called ready, and failed: {failed}")
    return failed
