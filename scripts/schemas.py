"""Write the JSON Schemas that ship with Teal, from the types themselves: python scripts/schemas.py."""

from __future__ import annotations

import json
from pathlib import Path

from teal.cli.show.schemas import schemas

FOLDER = Path(__file__).parent.parent / "src" / "teal" / "schemas"


def main() -> None:
    """Write every schema, remove those that are no more."""
    wanted = {f"{name}.json": schema for name, schema in schemas().items()}
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, schema in wanted.items():
        (FOLDER / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
