"""The example through five releases that change its schema, one after the other, under load: to watch.

Each release is deployed, rolled back while its change is open, and deployed again; at the end come the contracts.
"""

import shutil
import sys
import time
from pathlib import Path

from proof.managed import Managed, ProofFailed, tale_copy
from proof.migrations.reading import columns, read_back
from proof.migrations.writers import Writers

TABLES = ("notes", "votes")
RELEASES = (1, 2, 3, 4, 5)


def main() -> int:
    """Play the releases, print what became of requests and rows, return 0 where nothing was lost."""
    with tale_copy("history") as tale:
        _say("the example as it is, then its first release with notes (expand: two tables)")
        tale.teal("deploy", show=True)
        check_out(tale, 1)
        tale.teal("deploy", show=True)
        with Writers(tale.http, TABLES) as writers:
            wrong = _play(tale, writers)
        return _report(writers, wrong)


def _play(tale: Managed, writers: Writers) -> list[str]:
    wrong: list[str] = []
    for release in RELEASES[1:]:
        check_out(tale, release)
        _say((tale.folder / "platform" / "shape.py").read_text(encoding="utf-8").splitlines()[0].strip('"'))
        for command in (["deploy"], ["rollback"], ["deploy"]):
            tale.teal(*command, show=True)
            time.sleep(2)
            wrong += _compare(tale, writers)
    _say("no release before this one is wanted back: the contracts")
    tale.teal("migrate", "status", show=True)
    tale.teal("migrate", "contract", "--give-up", "--yes", show=True)
    time.sleep(2)
    return wrong + _compare(tale, writers)


def check_out(tale: Managed, release: int) -> None:
    """Put the files of *release* in place, as a commit would."""
    history, platform = tale.folder / "history", tale.folder / "platform"
    shutil.copy(history / "teal.yml", tale.folder)
    for name in ("Dockerfile", "notes.py", "migrate.py", "alembic.ini"):
        shutil.copy(history / name, platform)
    shutil.copy(history / "releases" / str(release) / "shape.py", platform)
    versions = platform / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    shutil.copy(history / "migrations" / "env.py", versions.parent)
    for path in (history / "migrations" / "versions").glob("*.py"):
        if _number(path) <= release:
            shutil.copy(path, versions)


def _number(path: Path) -> int:
    return int(path.stem.split("_")[1])


def _compare(tale: Managed, writers: Writers) -> list[str]:
    count, wrong = read_back(tale, writers)
    print(f"  read back: {count} acknowledged rows, {len(wrong)} differ; notes has {', '.join(columns(tale, 'notes'))}")
    return wrong


def _report(writers: Writers, wrong: list[str]) -> int:
    tally = writers.tally
    differ = [*tally.differing, *wrong]
    _say("what happened to requests and rows")
    print(f"{tally.writes} writes and {tally.reads} reads: {len(tally.failed)} failed, {len(differ)} differ")
    print(f"longest statement of the application: {tally.longest * 1000:.0f} ms")
    for line in (*tally.failed[:10], *differ[:10]):
        print(f"    {line}")
    return 1 if tally.failed or differ else 0


def _say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m\n" if sys.stdout.isatty() else f"\n== {text}\n", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProofFailed as failure:
        sys.exit(str(failure))
