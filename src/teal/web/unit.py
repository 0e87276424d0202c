"""The unit by which systemd runs the page."""

from __future__ import annotations

from collections.abc import Sequence

NAME = "teal-dashboard.service"
# A page that only looks needs to write nowhere. One that acts starts deploys, which build, write and run hooks.
_CLOSED = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
"""


def unit(argv: Sequence[str], *, user: str, folder: str, home: str, read_only: bool) -> str:
    """Return the unit's text: *argv* is run as *user* in *folder*, with its state in *home*.

    A page that is *read_only* is kept from writing anywhere.
    """
    closed = _CLOSED if read_only else ""
    return f"""\
[Unit]
Description=Teal's page: the stacks of this machine in a browser
Documentation=https://pypi.org/project/teal-deploy/
After=network-online.target docker.service

[Service]
ExecStart={" ".join(map(quoted, argv))}
ExecReload=/bin/kill -HUP $MAINPID
WorkingDirectory={_path(folder)}
Environment={quoted(f"TEAL_HOME={home}")}
User={user}
Restart=on-failure
# A command that the page has started is not the page's: it goes on when the page is stopped or restarted.
KillMode=process
{closed}
[Install]
WantedBy=multi-user.target
"""


def quoted(word: str) -> str:
    """Return *word* as a unit's file writes it, with nothing in it that systemd would replace."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$").replace("\n", "\\n")
    return f'"{escaped}"' if not escaped or set(escaped) & set(" \t\"';\\") else escaped


def _path(folder: str) -> str:
    return folder.replace("%", "%%")
