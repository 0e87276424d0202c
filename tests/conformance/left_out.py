"""Keys of the specification that no case uses, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

_BUILD = "Compose builds from the owner's own files, and Teal only asks it to"
LEFT_OUT: Mapping[str, str] = {
    "services.build.ssh": f"an SSH agent is needed; {_BUILD}",
    "services.build.entitlements": f"a builder that permits it is needed; {_BUILD}",
    "services.build.privileged": f"a builder that permits it is needed; {_BUILD}",
    "services.build.isolation": "Windows alone has it",
}
