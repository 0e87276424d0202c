"""Cases: what a container may use, how it is watched, and what Compose does beside starting it."""

from __future__ import annotations

from tests.conformance.case import RELEASED, Case

TEST = ["CMD", "python", "-c", "pass", "$$x"]
NO_GPU = "a GPU is needed to start it"
MACHINE = "whether the engine can start it depends on kernel and storage"

CASES = (
    Case("cpus", {"cpus": 0.5, "cpu_shares": 512, "cpuset": "0"}),
    Case("cpu_quota", {"cpu_quota": 25000, "cpu_period": "50000"}, apart=frozenset({"cpus"})),
    Case("cpu_period as a number", {"cpu_quota": "25000", "cpu_period": 50000}, apart=frozenset({"cpus"})),
    Case("cpu of Windows", {"cpu_count": 1, "cpu_percent": 50}),
    Case("cpu_rt", {"cpu_rt_runtime": 400000, "cpu_rt_period": "900000"}, created=MACHINE, alone=True),
    Case("memory", {"mem_limit": "128m", "mem_reservation": "64m", "memswap_limit": "256m"}),
    Case("memory as numbers", {"mem_limit": 134217728, "memswap_limit": -1}),
    Case("mem_swappiness", {"mem_swappiness": 10, "oom_kill_disable": True, "mem_limit": "200m"}),
    Case("oom_score_adj", {"oom_score_adj": 300}),
    Case("pids_limit", {"pids_limit": 60}),
    Case("pids_limit none", {"pids_limit": -1}),
    Case("ulimits", {"ulimits": {"nofile": {"soft": 900, "hard": 1900}, "core": 0, "nproc": 3000, "memlock": 65536}}),
    Case("ulimits zero", {"ulimits": {"core": {"soft": 0, "hard": 10}, "nofile": 800}}),
    Case("shm_size", {"shm_size": "1gb"}),
    Case("storage_opt", {"storage_opt": {"size": "5G"}}, created=MACHINE, alone=True),
    Case("blkio weight", {"blkio_config": {"weight": 300, "weight_device": [{"path": "/dev/zero", "weight": 400}]}}),
    Case(
        "blkio throttle",
        {
            "blkio_config": {
                "device_read_bps": [{"path": "/dev/null", "rate": "12mb"}],
                "device_read_iops": [{"path": "/dev/null", "rate": 120}],
                "device_write_bps": [{"path": "/dev/null", "rate": 1048576}],
                "device_write_iops": [{"path": "/dev/null", "rate": 30}],
            }
        },
        created=MACHINE,
    ),
    Case(
        "gpus",
        {"gpus": [{"capabilities": ["utility"], "count": 1, "driver": "nvidia", "options": {"a": "b"}}]},
        created=NO_GPU,
    ),
    Case("gpus all", {"gpus": "all"}, created=NO_GPU),
    Case("gpus by id", {"gpus": [{"capabilities": ["gpu"], "device_ids": ["0", "3"]}]}, created=NO_GPU),
    Case(
        "deploy resources",
        {
            "deploy": {
                "resources": {
                    "limits": {"cpus": "0.75", "memory": "150m", "pids": 70},
                    "reservations": {"memory": "50m", "cpus": "0.1"},
                }
            }
        },
        apart=frozenset({"cpus", "cpu_quota", "mem_limit", "mem_reservation", "pids_limit", "memswap_limit"}),
    ),
    Case(
        "deploy devices",
        {
            "deploy": {
                "resources": {
                    "reservations": {
                        "devices": [
                            {"capabilities": ["gpu"], "count": "all", "driver": "nvidia", "options": {"x": "y"}},
                            {"capabilities": ["tpu"], "device_ids": ["1"]},
                        ],
                        "generic_resources": [{"discrete_resource_spec": {"kind": "ssd", "value": 2}}],
                    }
                }
            }
        },
        created=NO_GPU,
    ),
    Case(
        "deploy of a swarm",
        {
            "deploy": {
                "mode": "replicated",
                "endpoint_mode": "dnsrr",
                "labels": {"conform.deploy": "x"},
                "rollback_config": {
                    "parallelism": 1,
                    "delay": "1s",
                    "failure_action": "pause",
                    "monitor": "1s",
                    "max_failure_ratio": 0.1,
                    "order": "stop-first",
                },
                "update_config": {
                    "parallelism": 1,
                    "delay": "1s",
                    "failure_action": "rollback",
                    "monitor": "1s",
                    "max_failure_ratio": 0.1,
                    "order": "start-first",
                },
                "placement": {
                    "constraints": ["node.role==manager"],
                    "preferences": [{"spread": "node.labels.zone"}],
                    "max_replicas_per_node": 3,
                },
                "restart_policy": {"condition": "on-failure", "delay": "5s", "max_attempts": 4, "window": "10s"},
            }
        },
        apart=frozenset({"restart"}),
    ),
    Case("deploy restart any", {"deploy": {"restart_policy": {"condition": "any"}}}, apart=frozenset({"restart"})),
    Case("deploy restart none", {"deploy": {"restart_policy": {"condition": "none"}}}, apart=frozenset({"restart"})),
    Case("replicas", {"deploy": {"replicas": 2}}, alone=True),
    Case("scale", {"scale": 2}, alone=True),
    Case(
        "healthcheck",
        {"healthcheck": {"test": TEST, "interval": "2s", "timeout": "1500ms", "retries": 4, "start_period": "2s"}},
    ),
    Case(
        "healthcheck asked early",
        {"healthcheck": {"test": TEST, "interval": "20s", "start_period": "3s", "start_interval": "300ms"}},
    ),
    Case(
        "healthcheck asked seldom",
        {"healthcheck": {"test": TEST, "interval": "1m", "timeout": "2s", "retries": 2}},
        roles=RELEASED,
    ),
    Case("healthcheck as a line", {"healthcheck": {"test": "test \"$$HOME\" != '$$x' || exit 1", "interval": "2s"}}),
    Case("healthcheck disabled", {"healthcheck": {"disable": True}}),
    Case("healthcheck none", {"healthcheck": {"test": ["NONE"]}}),
    Case("healthcheck of the image", {"healthcheck": {"interval": "3s"}}),
    Case("logging", {"logging": {"driver": "json-file", "options": {"max-size": "1m", "tag": "$$x/{{.Name}}"}}}),
    Case("logging local", {"logging": {"driver": "local"}}),
    Case("logging none", {"logging": {"driver": "none"}}),
    Case("profiles", {"profiles": ["conform", "other"]}),
    Case("attach", {"attach": False}),
    Case("pull_policy never", {"pull_policy": "never"}),
    Case("pull_policy missing", {"pull_policy": "missing"}),
    Case("pull_policy daily", {"pull_policy": "if_not_present", "pull_refresh_after": "1h"}),
    Case(
        "develop",
        {
            "develop": {
                "watch": [
                    {
                        "path": ".",
                        "action": "sync",
                        "target": "/x",
                        "ignore": ["a"],
                        "include": ["b"],
                        "initial_sync": True,
                    },
                    {
                        "path": ".",
                        "action": "sync+exec",
                        "target": "/y",
                        "exec": {
                            "command": "true",
                            "user": "root",
                            "privileged": True,
                            "working_dir": "/",
                            "environment": ["A=b"],
                        },
                    },
                ]
            }
        },
    ),
    Case("an extension of the owner's", {"x-note": {"a": "$$b"}}),
)
