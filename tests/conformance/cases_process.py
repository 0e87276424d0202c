"""Cases: how a process is started, what it is, and what it may do."""

from __future__ import annotations

from tests.conformance.case import Case

PROBE = ["python", "-u", "/probe.py"]
ODD = ["$$HOME", 'it\'s "odd"', "a\tb", "", "two\nlines", "é😀", "#no comment", "--", "{a}[b]"]

CASES = (
    Case("command", {"command": [*PROBE, *ODD]}),
    Case("command as a line", {"command": "python -u /probe.py 'one word' $$HOME \"$${X}\" two"}),
    Case("command none", {"command": None}),
    Case("entrypoint", {"entrypoint": PROBE, "command": ["from", "command", "$$x"]}),
    Case("entrypoint as a line", {"entrypoint": "python -u /probe.py 'a b' $$c"}),
    Case("entrypoint empty", {"entrypoint": [], "command": PROBE}),
    Case("entrypoint none", {"entrypoint": None}),
    Case("working_dir", {"working_dir": "/tmp/made by $$engine"}),
    Case("user by number", {"user": "1234:4321", "group_add": ["998", "audio"]}),
    Case("user by name", {"user": "www-data"}),
    Case("user as a number", {"user": "0"}),
    Case(
        "environment",
        {
            "environment": {
                "PLAIN": "x",
                "DOLLAR": "$$5 or $${FIVE}",
                "LINES": 'first\n  second: "x" # no comment\n\tlast\n',
                "EMPTY": "",
                "NUMBER": 17,
                "OCTAL": "0o17",
                "YES": True,
                "FLOAT": 1.50,
                "FROM_SHELL": None,
                "FROM_IMAGE": None,
                "SPACE NAME": "x",
                "QUOTES": "'\"`\\",
                "ODD": "\u007f\u0085\u2028\ufeff\U0001f600\u0001",
                "dotted.name-x": "y",
            }
        },
    ),
    Case(
        "environment as a list",
        {"environment": ["LIST=1=2", "LIST_EMPTY=", "FROM_SHELL", "NOWHERE", "ALSO_FROM_IMAGE", "LIST_DOLLAR=$$x"]},
    ),
    Case(
        "env_file",
        {
            "env_file": [
                {"path": "plain.env"},
                {"path": "raw.env", "format": "raw"},
                {"path": "nowhere.env", "required": False},
            ]
        },
    ),
    Case("env_file as text", {"env_file": "plain.env"}),
    Case("labels", {"labels": {"conform.a": "$$x", "conform.lines": "a\nb", "conform.empty": "", "conform.n": 5}}),
    Case("labels as a list", {"labels": ["conform.list=1=2", "conform.bare"]}),
    Case("label_file", {"label_file": ["labels.env"]}),
    Case("label_file as text", {"label_file": "labels.env"}),
    Case("annotations", {"annotations": {"conform.note": "a $$b", "conform.n": 5}}),
    Case("annotations as a list", {"annotations": ["conform.list=1"]}),
    Case("init", {"init": True}),
    Case("init not", {"init": False}),
    Case("tty", {"tty": True, "stdin_open": True}),
    Case("privileged", {"privileged": True}, apart=frozenset({"cap_add", "security_opt", "devices", "read_only"})),
    Case("capabilities", {"cap_drop": ["ALL"], "cap_add": ["NET_BIND_SERVICE", "CAP_CHOWN"]}),
    Case("security_opt", {"security_opt": ["no-new-privileges:true", "seccomp:./seccomp.json", "label:disable"]}),
    Case(
        "security_opt unconfined",
        {"security_opt": ["seccomp=unconfined", "apparmor:unconfined", "systempaths=unconfined"]},
    ),
    Case(
        "read_only",
        {"read_only": True, "tmpfs": ["/scratch:size=1m,mode=1770,uid=5", "/tmp"]},
        apart=frozenset({"working_dir"}),
    ),
    Case("tmpfs", {"tmpfs": "/scratch"}),
    Case(
        "sysctls",
        {"sysctls": {"net.core.somaxconn": 1024, "net.ipv4.tcp_syncookies": "0", "kernel.shmmax": 65536}},
        apart=frozenset({"ipc"}),
    ),
    Case("sysctls as a list", {"sysctls": ["net.ipv4.ip_unprivileged_port_start=80"]}),
    Case(
        "devices",
        {
            "devices": ["/dev/null:/dev/conform0:r", "/dev/zero:/dev/conform1"],
            "device_cgroup_rules": ["c 1:3 mr", "a 7:* rmw"],
        },
    ),
    Case("devices at length", {"devices": [{"source": "/dev/null", "target": "/dev/conform2", "permissions": "rw"}]}),
    Case("ipc", {"ipc": "shareable", "shm_size": "3m"}),
    Case("ipc host", {"ipc": "host"}),
    Case("ipc private", {"ipc": "private", "shm_size": 2097152}),
    Case("pid host", {"pid": "host"}),
    Case("uts host", {"uts": "host"}, apart=frozenset({"hostname", "domainname"})),
    Case("userns host", {"userns_mode": "host"}),
    Case("cgroup host", {"cgroup": "host"}),
    Case("cgroup private", {"cgroup": "private"}),
    Case("cgroup_parent", {"cgroup_parent": "/conform"}),
    Case("runtime", {"runtime": "runc"}),
    Case("isolation", {"isolation": "default"}),
    Case("platform", {"platform": "{platform}"}),
    Case("credential_spec", {"credential_spec": {"file": "spec.json"}}),
    Case("credential_spec of a registry", {"credential_spec": {"registry": "conform"}}),
    Case(
        "credential_spec in a config", {"credential_spec": {"config": "spec"}}, {"configs": {"spec": {"content": "{}"}}}
    ),
    Case("stop", {"stop_signal": "SIGUSR1", "stop_grace_period": "1m30s"}),
    Case("restart always", {"restart": "always"}),
    Case("restart unless-stopped", {"restart": "unless-stopped"}),
    Case("restart on-failure", {"restart": "on-failure:3"}),
    Case("restart no", {"restart": "no"}),
)
