"""What each service of a stack is, from its resolved model and the evidence beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from teal.core.model.compose import Node, environment_of, mapping, replicas_of, sequence, services_in, text, unescaped
from teal.core.model.duration import compose_seconds
from teal.core.model.side import Side
from teal.core.model.stack import GRACE, Assigned, ContainerHook, Evidence, ImageFacts, Role, Service, Stack, Tree
from teal.core.model.units import Seconds
from teal.core.services.dependencies import needed
from teal.core.services.entrances import entrances_of, front_of
from teal.core.services.health import facts_of, health_of, healthy_deadline, test_of
from teal.core.services.roles import ports_of, propose


def services_of(models: Mapping[Side, Tree], evidence: Evidence) -> tuple[Service, ...]:
    """Return the services of a stack in the file's order; a color's model holds what its overlay adds."""
    model = models.get(Side.BLUE) or models[Side.PLAIN]
    roles = propose(model, evidence)
    before = needed(model, roles, evidence)
    services = services_in(model)
    ports = ports_of((name for name in services if roles[name].role is Role.ROUTE), model, evidence)
    return tuple(
        _service(name, model, roles[name], evidence, ports.get(name, 0), before=name in before) for name in services
    )


def with_images(stack: Stack, images: Mapping[str, ImageFacts]) -> Stack:
    """Return *stack* as it is seen once its images are there: their healthchecks and ports count then."""
    evidence = replace(stack.evidence, images=images)
    return with_entrances(replace(stack, evidence=evidence, services=services_of(stack.models, evidence)))


def with_entrances(stack: Stack) -> Stack:
    """Return *stack* with who stands before its routes, and by which ways they are used.

    Where Teal's own proxy stands there already, that was told before.
    """
    if stack.own is not None:
        return stack
    return replace(stack, front=front_of(stack), entrances=entrances_of(stack))


def _service(name: str, model: Node, assigned: Assigned, evidence: Evidence, port: int, *, before: bool) -> Service:
    service = services_in(model)[name]
    facts = facts_of(name, evidence)
    return Service(
        name=name,
        assigned=assigned,
        image=text(service.get("image")) or f"{text(model.get('name'))}-{name}",
        builds=bool(service.get("build")),
        port=port,
        required_by_routes=before,
        health=health_of(service, port=port, facts=facts, probe=evidence.probes.get(name)),
        depends_on={
            target: text(mapping(how).get("condition")) for target, how in mapping(service.get("depends_on")).items()
        },
        grace=compose_seconds(service.get("stop_grace_period"), GRACE),
        replicas=replicas_of(service),
        healthy_deadline=Seconds(healthy_deadline(service, facts) if test_of(service, facts) else 0.0),
        pull=_pull(text(service.get("pull_policy"))),
        post_start=_hooks(service, "post_start"),
        pre_stop=_hooks(service, "pre_stop"),
    )


def _hooks(service: Node, kind: str) -> tuple[ContainerHook, ...]:
    return tuple(
        ContainerHook(
            command=tuple(map(unescaped, sequence(hook.get("command")))),
            user=unescaped(hook.get("user")),
            privileged=bool(hook.get("privileged")),
            directory=unescaped(hook.get("working_dir")),
            environment=environment_of(hook),
        )
        for hook in map(mapping, sequence(service.get(kind)))
    )


def _pull(policy: str) -> Literal["missing", "always", "never"]:
    """Return when the image is pulled, by its ``pull_policy``.

    Those that pull after a while (daily, weekly, every_12h) pull at each deploy: Teal's own tags change the time by
    which Compose would tell.
    """
    match policy:
        case "never" | "build":
            return "never"
        case "" | "missing" | "if_not_present":
            return "missing"
        case _:
            return "always"
