"""Cases: builds, hooks, providers, models, and what is written over several files."""

from __future__ import annotations

from tests.conformance.case import ONCE, RELEASED, ROLES, SHARED, Case, refusing
from tests.conformance.files import INLINE

WRITTEN = """
  {service}:
    <<: [*base, *more]
    extends: {file: extended.yml, service: base}
    environment:
      <<: *own
      E: >-
        folded
        lines
    x-note: {a: [1, 2]}
"""
FOR_SWARM = "{service} uses secret swarm, whose `external` only a swarm has"
NO_PROVIDER = "{service} is made by the provider conform, which Teal does not call"

CASES = (
    Case("nothing", {}),
    Case(
        "anchors, merges, extends, include and extensions",
        {},
        written=WRITTEN,
        alone=True,
        keys=(
            *("services.extends", "services.extends.service", "services.extends.file"),
            *("include.path", "include.env_file", "include.project_directory"),
        ),
    ),
    Case(
        "secret of a swarm",
        {"secrets": ["swarm"]},
        {"secrets": {"swarm": {"external": True}}},
        refused=refusing(ROLES, FOR_SWARM),
    ),
    Case(
        "secret of a swarm, as older files say it",
        {"secrets": ["old-swarm"]},
        {"secrets": {"old-swarm": {"external": {"name": "x"}}}},
        refused=refusing(ROLES, FOR_SWARM.replace("swarm,", "old-swarm,")),
    ),
    Case(
        "secret of a driver",
        {"secrets": ["driven"]},
        {"secrets": {"driven": {"file": "./secret.txt", "driver": "vault", "driver_opts": {"a": "b"}}}},
        refused=refusing(ROLES, "{service} uses secret driven, whose `driver` only a swarm has"),
    ),
    Case(
        "secret with a template",
        {"secrets": ["template"]},
        {"secrets": {"template": {"file": "./secret.txt", "template_driver": "golang"}}},
        refused=refusing(ROLES, "{service} uses secret template, whose `template_driver` only a swarm has"),
    ),
    Case(
        "config of a swarm",
        {"configs": ["swarm"]},
        {"configs": {"swarm": {"external": True}}},
        refused=refusing(ROLES, FOR_SWARM.replace("secret", "config")),
    ),
    Case(
        "config of a swarm, as older files say it",
        {"configs": ["old-swarm"]},
        {"configs": {"old-swarm": {"external": {"name": "x"}}}},
        refused=refusing(ROLES, FOR_SWARM.replace("secret", "config").replace("swarm,", "old-swarm,")),
    ),
    Case(
        "config with a template",
        {"configs": ["template"]},
        {"configs": {"template": {"file": "./note.txt", "template_driver": "golang"}}},
        refused=refusing(ROLES, "{service} uses config template, whose `template_driver` only a swarm has"),
    ),
    Case(
        "models",
        {"models": {"small": {"endpoint_var": "SMALL_URL", "model_var": "SMALL"}}},
        {"models": {"small": {"model": "ai/small", "context_size": 1024, "runtime_flags": ["--x"], "name": "small"}}},
        refused=refusing(RELEASED, "{service} uses models, which `docker compose config` leaves out of what it prints"),
        left_out={SHARED: "Docker Model Runner is needed"},
    ),
    Case(
        "models as a list",
        {"models": ["small"]},
        {"models": {"small": {"model": "ai/small", "context_size": 1024, "runtime_flags": ["--x"], "name": "small"}}},
        refused=refusing(RELEASED, "{service} uses models, which `docker compose config` leaves out of what it prints"),
        left_out={SHARED: "Docker Model Runner is needed"},
    ),
    Case(
        "provider",
        {"provider": {"type": "conform", "options": {"a": "b"}}, "image": None, "healthcheck": None},
        refused=refusing(ROLES, NO_PROVIDER),
    ),
    Case(
        "build",
        {
            "build": {
                "context": "./built",
                "dockerfile": "Dockerfile.conform",
                "args": {"BASE": "{image}", "NOTE": "a $$b"},
                "labels": {"conform.built": "x"},
                "target": "last",
                "additional_contexts": {"more": "./bound"},
                "secrets": [{"source": "file-secret", "target": "given", "uid": "1", "gid": "2", "mode": 0o440}],
                "extra_hosts": ["elsewhere:10.1.2.3"],
                "shm_size": "64m",
                "tags": ["{project}/{service}:also"],
                "network": "none",
                "no_cache": False,
                "pull": False,
                "ulimits": {"nofile": {"soft": 400, "hard": 500}},
                "platforms": ["{platform}"],
                "provenance": False,
                "sbom": False,
                "cache_from": ["type=local,src=nowhere"],
                "cache_to": ["type=inline"],
            },
            "image": "{project}/{service}",
        },
        {"secrets": {"file-secret": {"file": "./secret.txt"}}},
        alone=True,
    ),
    Case("build as text", {"build": "./built", "image": None}, alone=True),
    Case(
        "build inline",
        {
            "build": {
                "context": ".",
                "dockerfile_inline": INLINE,
            },
            "image": None,
            "healthcheck": None,
        },
        alone=True,
    ),
    Case(
        "post_start",
        {
            "post_start": [
                {
                    "command": ["sh", "-c", "echo $$A $$(id -u) $$(pwd) >> /tmp/started"],
                    "user": "root",
                    "privileged": True,
                    "working_dir": "/usr",
                    "environment": ["A=b"],
                },
                {"command": "sh -c 'echo $$FROM_IMAGE $$(id -u) >> /tmp/started'"},
            ]
        },
        later=("/tmp/started",),
        alone=True,
    ),
    Case(
        "pre_stop",
        {
            "pre_stop": [
                {
                    "command": ["sh", "-c", "echo $$A $$(id -u) $$(pwd) >> /ends/{service}"],
                    "user": "root",
                    "privileged": True,
                    "working_dir": "/usr",
                    "environment": ["A=b"],
                },
            ],
            "volumes": ["./ends:/ends"],
        },
        left_out={ONCE: "it ends by itself", SHARED: "Teal stops no shared service"},
        teal={"safe_volumes": ["ends"]},
        alone=True,
    ),
)
