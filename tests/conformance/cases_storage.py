"""Cases: volumes, mounts, secrets and configs."""

from __future__ import annotations

from tests.conformance.case import Case

CASES = (
    Case(
        "volumes",
        {
            "volumes": [
                "data-{role}:/conform/data",
                "/conform/nameless",
                "data-{role}:/conform/again:ro",
                "data-{role}:/conform/nocopy:nocopy",
            ]
        },
        {"volumes": {"data-{role}": None}},
        teal={"safe_volumes": ["data-{role}"]},
    ),
    Case(
        "volumes at length",
        {
            "volumes": [
                {
                    "type": "volume",
                    "source": "named-{role}",
                    "target": "/conform/named",
                    "read_only": False,
                    "volume": {"nocopy": True, "labels": {"conform.mount": "x"}},
                },
                {"type": "volume", "target": "/conform/unnamed", "volume": {"labels": {"conform.unnamed": "y"}}},
                {"type": "tmpfs", "target": "/conform/tmpfs", "tmpfs": {"size": "2m", "mode": 0o1750}},
                {"type": "bind", "source": "./bound", "target": "/conform/bound", "bind": {"propagation": "private"}},
                {
                    "type": "bind",
                    "source": "./note.txt",
                    "target": "/conform/note.txt",
                    "read_only": True,
                    "consistency": "cached",
                    "bind": {"create_host_path": False, "recursive": "enabled"},
                },
                {"type": "bind", "source": "./made", "target": "/conform/made", "bind": {"create_host_path": True}},
            ]
        },
        {"volumes": {"named-{role}": {"name": "{project}-named-{role}"}}},
        teal={"safe_volumes": ["named-{role}", "bound", "made"]},
    ),
    Case(
        "volume of a driver",
        {"volumes": ["odd-driver-{role}:/conform/odd"]},
        {
            "volumes": {
                "odd-driver-{role}": {
                    "driver": "local",
                    "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000"},
                    "labels": {"conform.volume": "$$x"},
                }
            }
        },
        teal={"safe_volumes": ["odd-driver-{role}"]},
    ),
    Case(
        "volume with labels in a list",
        {"volumes": ["labelled-{role}:/conform/labelled"]},
        {"volumes": {"labelled-{role}": {"labels": ["conform.list=1"]}}},
        teal={"safe_volumes": ["labelled-{role}"]},
    ),
    Case(
        "volume from outside",
        {"volumes": ["outside:/conform/outside"]},
        {"volumes": {"outside": {"external": True, "name": "{project}-outer-volume"}}},
        teal={"safe_volumes": ["outside"]},
    ),
    Case(
        "volume subpath",
        {
            "volumes": [
                {"type": "volume", "source": "outside", "target": "/conform/part", "volume": {"subpath": "part"}}
            ]
        },
        {"volumes": {"outside": {"external": True, "name": "{project}-outer-volume"}}},
        teal={"safe_volumes": ["outside"]},
    ),
    Case(
        "bind mounts",
        {
            "volumes": [
                "./bound:/conform/short",
                "./bound/inner.txt:/conform/inner.txt:ro",
                "./run.sh:/conform/run.sh:ro",
                "./closed.txt:/conform/closed.txt:ro",
                "./with space:/conform/with space:ro",
                "./dollar$$name.txt:/conform/dollar$$name.txt:ro",
                "/etc/hostname:/conform/hostname:ro",
            ]
        },
        teal={"safe_volumes": ["bound"]},
    ),
    Case(
        "bind selinux",
        {"volumes": [{"type": "bind", "source": "./bound", "target": "/conform/z", "bind": {"selinux": "z"}}]},
        teal={"safe_volumes": ["bound"]},
    ),
    Case(
        "image as a volume",
        {
            "volumes": [
                {"type": "image", "source": "{image}", "target": "/conform/image", "image": {"subpath": "etc/apt"}}
            ]
        },
    ),
    Case("api socket", {"use_api_socket": True}, alone=True),
    Case(
        "secrets",
        {"secrets": ["file-secret", "value-secret"]},
        {"secrets": {"file-secret": {"file": "./secret.txt"}, "value-secret": {"environment": "MANY_LINES"}}},
    ),
    Case(
        "secrets at length",
        {
            "secrets": [
                {"source": "value-secret", "target": "renamed", "uid": "1000", "gid": "1001", "mode": 0o440},
                {"source": "value-secret", "target": "/conform/absolute", "mode": "0400"},
                {"source": "named-secret", "target": "file-renamed", "uid": "1000", "gid": "1001", "mode": 0o440},
                {"source": "closed-secret", "target": "closed"},
                {"source": "odd-secret", "target": "odd"},
                {"source": "empty-secret"},
                {"source": "bytes-secret"},
                {"source": "owned-secret", "target": "owned"},
            ]
        },
        {
            "secrets": {
                "named-secret": {"file": "./secret.txt", "labels": {"a": "b"}, "name": "{project}-real-name"},
                "closed-secret": {"file": "./closed.txt"},
                "value-secret": {"environment": "MANY_LINES"},
                "odd-secret": {"environment": "ODD_VALUE"},
                "empty-secret": {"environment": "EMPTY_VALUE"},
                "bytes-secret": {"file": "./bytes.bin"},
                "owned-secret": {"file": "./owned.txt"},
            }
        },
    ),
    Case(
        "configs",
        {"configs": ["content-config", "file-config", "value-config"]},
        {
            "configs": {
                "content-config": {"content": "price: $$5 ${FROM_ENV}\n\tlines \"'\\ \U0001f600\n\n"},
                "file-config": {"file": "./note.txt"},
                "value-config": {"environment": "MANY_LINES"},
            }
        },
    ),
    Case(
        "configs at length",
        {
            "configs": [
                {"source": "content-config", "target": "/conform/config", "uid": "33", "gid": "33", "mode": 0o640},
                {"source": "value-config", "target": "/conform/value", "mode": 0o500},
                {"source": "named-config", "target": "/etc/conform/file", "uid": "33", "gid": "33", "mode": 0o640},
                {"source": "script-config", "target": "/conform/script"},
            ]
        },
        {
            "configs": {
                "content-config": {"content": "price: $$5 ${FROM_ENV}\n\tlines \"'\\ \U0001f600\n\n"},
                "named-config": {"file": "./note.txt", "labels": ["a=b"], "name": "{project}-real-config"},
                "value-config": {"environment": "MANY_LINES"},
                "script-config": {"file": "./run.sh"},
            }
        },
    ),
    Case("secret that is a folder", {"secrets": ["folder"]}, {"secrets": {"folder": {"file": "./bound"}}}),
    Case(
        "volume and network from outside, as older files say it",
        {"volumes": ["old-outside:/conform/old"], "networks": {"default": None, "old-outside": None}},
        {
            "volumes": {"old-outside": {"external": {"name": "{project}-outer-volume"}}},
            "networks": {"old-outside": {"external": {"name": "{project}-older"}}},
        },
        teal={"safe_volumes": ["old-outside"]},
    ),
)
