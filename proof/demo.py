"""The main job, to watch: the example deployed, deployed again and rolled back under load.

Run as ``python -m proof.demo`` and, to remove it all again, ``python -m proof.demo down``.
"""

import os
import sys
from pathlib import Path

from proof import page
from proof.load import Load
from proof.managed import TALE, Managed, ProofFailed, Switches

RATE = 100.0


def stack() -> Managed:
    """Return the example where it lies, with the ports that its ``.env`` names."""
    said = _dotenv(TALE / ".env")
    http = f"http://127.0.0.1:{said.get('HTTP_PORT', '8080')}"
    https = f"https://localhost:{said.get('HTTPS_PORT', '8443')}"
    home = os.environ.get("TEAL_HOME") or said.get("TEAL_HOME") or "/var/lib/teal"
    return Managed(TALE, said.get("COMPOSE_PROJECT_NAME", "tale"), http, https, home)


def _dotenv(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def main() -> int:
    """Deploy, deploy again and roll back under load; print what happened to the requests."""
    tale = stack()
    _say("1/4  the first release (nothing serves yet)")
    tale.teal("deploy", "--yes", show=True)
    address = page.serve(tale)
    print(f"\nWatch it in a browser: {address}" if address else "\nno page can be served here")
    shared = tale.shared()
    with Load(http=tale.http, https=tale.https, rate=RATE) as load, Switches(tale, load) as switches:
        now = tale.status()
        load.switched(0, release=now["release"], color=now["active"])
        _say(f"2/4  another release, with {RATE:.0f} requests a second through the proxy meanwhile")
        tale.teal("deploy", "--force", show=True)
        switches.tell(tale.status()["release"])
        _say("3/4  back to the release before, under the same load")
        tale.teal("rollback", show=True)
        switches.tell(tale.status()["release"])
        report = load.finish()
    _say("4/4  what happened to the requests")
    print(report.table())
    same = tale.shared() == shared
    print(f"\nshared containers untouched: {'yes' if same else 'NO'}")
    print(f"\nOpen {tale.http} or {tale.https}; `cd examples/tale && ../../.venv/bin/teal status` shows the colors.")
    print(f"The page goes on at {address.partition('/login')[0]}, for the browser that was let in." if address else "")
    print("`make demo-down` stops it all and removes it.")
    return 0 if report.clean and same else 1


def down() -> int:
    """Remove the demo: containers, networks, volumes, images; the kept state too."""
    tale = stack()
    page.stop(tale)
    tale.remove()
    print("the demo is gone; the base images and the Docker Engine stay")
    return 0


def _say(text: str) -> None:
    print(f"\n\033[1m== {text}\033[0m\n" if sys.stdout.isatty() else f"\n== {text}\n", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(down() if sys.argv[1:] == ["down"] else main())
    except ProofFailed as failure:
        sys.exit(str(failure))
