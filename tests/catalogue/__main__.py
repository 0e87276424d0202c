"""``python -m tests.catalogue [NAME …]``: writes what Teal says now into the cases, to be reviewed before a commit."""

import os
import re
import sys
import tempfile
import textwrap
from pathlib import Path

from tests.catalogue.case import FOLDER, cases, read, run

for name in sys.argv[1:] or cases():
    with tempfile.TemporaryDirectory() as root:
        ended = run(read(name), Path(root), f"teal-test-{os.getpid()}-catalogue")
    path = FOLDER / f"{name}.yml"
    kept = re.sub(r"^status: .*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    said = "says: |\n" + textwrap.indent(ended.err or ended.out, "  ")
    path.write_text(f"{kept}status: {ended.status}\n{said}", encoding="utf-8")
    print(f"{name} ({ended.status})\n{textwrap.indent(ended.err or ended.out, '    ')}", flush=True)
