"""``python -m tests.reach.plain [--at FOLDER] [NAME…]``: does each stack start plainly, and does it answer outsiders?

One stack after the other: copied to a fresh folder, ``docker compose up`` as its owner types it, the looks of its
``expect.yml`` from the host (by loopback) or from inside a service, then everything of it is removed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.reach.images import images, make
from tests.reach.load import HERE, stacks
from tests.reach.model import Look, Stack

SNIPPET = HERE.parents[1] / "src/teal/adapters/caddy/teal.caddy"
TIMEOUT = 60  # seconds for a look to be answered
INSIDE = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=3).read().decode())"


class Plain:
    """A stack that runs plainly, in a folder of its own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder / stack.name
        self.project = f"teal-test-{os.getpid()}-{stack.name}"
        shutil.copytree(stack.folder, self.folder, symlinks=True)
        if stack.expect.needs.snippet:
            shutil.copy(SNIPPET, self.folder / stack.expect.needs.snippet)
        self.environment = os.environ | {"TEAL_HOME": str(folder / "teal"), "DATA_DIR": str(folder / "data")}

    def start(self) -> None:
        """Up, as the owner does it. Raises ``CalledProcessError``."""
        for network in self.stack.expect.needs.networks:
            if subprocess.run(["docker", "network", "create", network], check=False, capture_output=True).returncode:
                raise RuntimeError(f"a network {network} is there already")
        if self.stack.expect.needs.edge:
            self._compose("up", "--detach", edge=True)
        for _ in range(TIMEOUT):
            try:
                self._compose("up", "--detach", "--build")
                return
            except RuntimeError as error:
                if "address already in use" not in str(error):
                    raise
                time.sleep(2)  # another program has its port for a while
        raise RuntimeError("its port isn't free")

    def look(self, look: Look) -> str:
        """Ask until it is answered as it should be; what was said instead, or nothing."""
        until, said = time.monotonic() + TIMEOUT, ""
        while time.monotonic() < until:
            said = self.ask(look)
            if look.says in said:
                return ""
            time.sleep(0.3)
        return f"{look.url} {look.host} {look.inside}: wanted {look.says!r}, got {said[:300]!r}"

    def stop(self) -> None:
        """Remove containers, volumes, networks and built images."""
        options = ("down", "--volumes", "--remove-orphans", "--timeout", "2")
        self._compose("--profile", "*", *options, check=False)
        built = ["docker", "images", "--quiet", "--filter", f"label=com.docker.compose.project={self.project}"]
        images = subprocess.run(built, check=False, capture_output=True, text=True).stdout.split()
        if images:
            subprocess.run(["docker", "rmi", "--force", *images], check=False, capture_output=True)
        if self.stack.expect.needs.edge:
            self._compose(*options, edge=True, check=False)
        for network in self.stack.expect.needs.networks:
            subprocess.run(["docker", "network", "rm", network], check=False, capture_output=True)

    def ask(self, look: Look) -> str:
        """Ask once; what was answered."""
        if look.inside:
            container = self._compose("ps", "--quiet", look.inside, check=False).strip().splitlines()
            argv = ["docker", "exec", *container[:1], "python3", "-c", INSIDE, look.url]
        else:
            exact = ["-g"] if "[:" in look.url else []  # else a range of ports is tried one by one
            argv = ["curl", "-sk", *exact, "-m", "5", *(["-H", f"Host: {look.host}"] if look.host else []), look.url]
        return subprocess.run(argv, check=False, capture_output=True, text=True).stdout

    def _compose(self, *words: str, edge: bool = False, check: bool = True) -> str:
        folder = self.folder / self.stack.expect.needs.edge if edge else self.folder
        argv = ["docker", "compose", "-p", self.project + "-edge" * edge, *words]
        done = subprocess.run(argv, cwd=folder, env=self.environment, check=False, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(done.stderr[-1500:])
        return done.stdout


def try_one(stack: Stack) -> list[str]:
    """What is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="reach-") as folder:
        plain = Plain(stack, Path(folder))
        try:
            plain.start()
            return [wrong for wrong in map(plain.look, stack.expect.looks) if wrong] + _ended(plain)
        except RuntimeError as error:
            return [str(error)]
        finally:
            plain.stop()


def _ended(plain: Plain) -> list[str]:
    """Containers that ended with an error or restart again and again."""
    template = '{{.Label "com.docker.compose.service"}}|{{.State}}|{{.Status}}'
    named = f"label=com.docker.compose.project={plain.project}"
    listing = ["docker", "ps", "--all", "--filter", named, "--format", template]
    said = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split("\n")
    ended = ("|restarting|", "|exited|", "unhealthy")
    bad = [line for line in said if any(word in line for word in ended) and "Exited (0)" not in line]
    return [f"{line}: {plain._compose('logs', '--tail', '5', line.split('|')[0], check=False)}" for line in bad]


def main() -> None:
    """The command: a line for each stack, status 1 where one is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--at", type=Path, default=HERE)
    said = parser.parse_args()
    make(images(said.at))
    wrong = 0
    for stack in stacks(said.at):
        if not said.names or stack.name in said.names:
            began = time.monotonic()
            found = try_one(stack)
            wrong += bool(found)
            head = f"{'✗' if found else '✓'} {stack.name}  {time.monotonic() - began:.1f} s"
            print(head, *found, sep="\n    ", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
