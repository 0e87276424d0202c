"""`python -m proof.load`: load for some seconds, then the report. Exit status 1 unless all was right."""

import argparse
import sys
import time

from proof.load.control import Load
from proof.load.count import Limits


def main() -> int:
    """Run the command line."""
    given = _parser().parse_args()
    limits = Limits(drain=given.drain_timeout, websocket_drain=given.websocket_drain)
    load = Load(
        http=given.http,
        https=given.https,
        rate=given.rate,
        workers=given.workers,
        seed=given.seed,
        limits=limits,
    )
    with load:
        _wait(given.seconds)
        report = load.finish()
    sys.stdout.write((report.json() if given.json else report.table()) + "\n")
    return 0 if report.clean and not report.suspect else 1


def _wait(seconds: float) -> None:
    try:
        time.sleep(seconds)
    except KeyboardInterrupt:
        sys.stderr.write("stopping: waiting for what is in flight\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proof.load", description=__doc__)
    parser.add_argument("--http", default="http://127.0.0.1:8080", help="origin for HTTP/1.1")
    parser.add_argument("--https", default="", help="origin for HTTP/1.1 and HTTP/2 over TLS; none: no TLS")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second in all (200)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to begin requests (20)")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    parser.add_argument("--seed", type=int, default=0, help="of schedule and bodies (0)")
    parser.add_argument("--drain-timeout", type=float, default=30.0, help="seconds (30)")
    parser.add_argument("--websocket-drain", type=float, default=10.0, help="seconds (10)")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    return parser


if __name__ == "__main__":
    sys.exit(main())
