"""The ledger: a copy of the tests' stack with a project of its own and many rows in its tables."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proof.managed import ROOT, Managed, free_port
from proof.migrations.reading import sql

LEDGER = ROOT / "tests" / "stacks" / "ledger"
FILL = {
    "reviews": "INSERT INTO reviews SELECT 'r-' || n, now(), 'somebody', n % 6, 'import'"
    " FROM generate_series(1, {n}) n",
    "visits": "INSERT INTO visits SELECT 'v-' || n, now() - n * interval '2 seconds', 'somebody', n % 6, 'import'"
    " FROM generate_series(1, {n}) n",
}


@contextmanager
def ledger(rows: int) -> Iterator[Managed]:
    """Yield the running stack, deployed once, with *rows* in the table and a fifth of that in the hypertable."""
    work = Path(tempfile.mkdtemp(prefix="teal-proof-"))
    shutil.copytree(LEDGER, work / "ledger")
    (work / "ledger" / "migrations").mkdir(exist_ok=True)
    stack = Managed(
        work / "ledger", f"teal-test-{os.getpid()}-ledger", f"http://127.0.0.1:{free_port()}", "https://127.0.0.1:1",
        str(work / "home"),
    )  # fmt: skip
    stack.write_env()
    (stack.folder / "teal.caddy").write_text(stack.teal("snippet").stdout, encoding="utf-8")
    try:
        stack.run(["docker", "compose", "build", "--quiet"])
        stack.teal("deploy", "--no-build")
        sql(stack, FILL["reviews"].format(n=rows))
        sql(stack, FILL["visits"].format(n=rows // 5))
        sql(stack, "VACUUM ANALYZE reviews")
        yield stack
    finally:
        stack.remove()
        shutil.rmtree(work, ignore_errors=True)
