"""Teal's own proxy: started beside a stack, given its ports and names, and taken away again.

It has two forms, one of them without the ports that plain containers still hold: with it a release is proved before
anything of the old is touched. The take-over is the moment in which the plain containers stop and the other form
starts, that was made before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial

from teal.core.model.compose import mapping, text
from teal.core.model.entrance import Published
from teal.core.model.observed import Container
from teal.core.model.own_proxy import OWN, own_project
from teal.core.model.release import to_json
from teal.core.model.side import Side, repository
from teal.core.model.traffic import PLAIN
from teal.core.model.units import Seconds
from teal.core.rendering.networks import name_of
from teal.core.rendering.own_proxy import FIRST, PROJECT_FILE, kept_project, pinned_image, render_own
from teal.core.services.own_proxy import MAIN, layout, networks_of_own, published
from teal.errors import Failed, Refused, TealError, Unavailable
from teal.run.context import RunContext
from teal.run.steps import containers, traffic
from teal.run.steps.proxy import prove_state

STOP = Seconds(2.0)  # that open requests have to end while a port changes hands: nobody else is let in meanwhile
ANSWERS_WITHIN = Seconds(30.0)  # of its start: on a busy machine Caddy needs some seconds
GENTLE = Seconds(35.0)  # that they have where somebody else lets people in already
NETWORKS = "teal-networks"  # as a service of the stack, never started: Compose makes its networks for it

# How a program in front looks up anew what it calls by name, without losing a request.
_RELOADS = {
    "nginx": ("nginx", "-s", "reload"),
    "httpd": ("httpd", "-k", "graceful"),
    "apache2": ("apachectl", "-k", "graceful"),
    "haproxy": ("sh", "-c", "kill -USR2 1"),
}


async def start(context: RunContext) -> bool:
    """Start Teal's own proxy where it does not run; tell whether it did."""
    if not context.stack.own:  # of a rollback, which reads no files of today
        return await _start_kept(context)
    every = [each for each in await _own(context, doors=True) if each.running]
    running = {_form(each) for each in every if each.service == OWN}
    closed = {f"{OWN}-{name}" for name in _doors(context)} - {each.service for each in every}
    if not closed and (MAIN in running or (running and await _held(context))):
        return True
    context.reporter.tell(None, OWN, "starting")
    await keep(context, renew=False)
    if context.ports.proxy.read() is None:
        context.ports.proxy.write(PLAIN)
    form = MAIN if MAIN in running or not await _held(context) else FIRST
    await _up(context, (form, *_doors(context)), start=True)
    await _await_answer(context)
    await reload_fronts(context)
    context.reporter.tell(None, OWN, "healthy")
    return False


async def _await_answer(context: RunContext) -> None:
    """Return once the proxy, just started, says what it has loaded; raise what comes instead at the end."""
    context.traffic.forget_proxy()
    end = context.ports.clock.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            await context.proxy_endpoints()
        except Unavailable as error:
            if context.ports.clock.monotonic() >= end:
                error.detail = await context.ports.engine.logs((await context.proxy()).id, lines=20)
                raise
            await context.ports.clock.sleep(Seconds(0.2))
        else:
            return


async def _start_kept(context: RunContext) -> bool:
    """Start it from its kept files, just as it was; tell whether it ran."""
    project = kept_project(context.ports.proxy.own_files())
    names = [name for name in mapping(project.get("services")) if name != FIRST]
    called = {OWN if name == MAIN else f"{OWN}-{name}" for name in names}
    found = await context.containers(Side.PLAIN, frozenset(called))
    if called <= {each.service for each in found if each.running and _form(each) == MAIN}:
        return True
    context.reporter.tell(None, OWN, "starting")
    await _up(context, names, start=True)
    await _await_answer(context)
    networks = [text(mapping(each).get("name")) for each in mapping(project.get("networks")).values()]
    await _reload(context, await _fronts_on(context, networks))
    context.reporter.tell(None, OWN, "healthy")
    return False


async def keep(context: RunContext, *, renew: bool) -> bool:
    """Write its files as they should be now, with the image that was taken first, or, *renew*, with that of now.

    Tell whether anything has changed. Its networks exist then, made by Compose as those of the stack.
    """
    files = await rendered(context, renew=renew)
    kept = context.ports.proxy.own_files()
    if all(kept.get(name) == content for name, content in files.items()):
        return False
    context.ports.proxy.keep_own(files)
    await _make_networks(context, files)
    return True


async def rendered(context: RunContext, *, renew: bool) -> dict[str, str]:
    """Return its files as they should be now; the image is pulled where it is not there."""
    proxy = context.ports.proxy
    image = "" if renew else pinned_image(proxy.own_files())
    if not image or await context.ports.engine.image(image) is None:
        image = await _pinned(context)
    return render_own(context.stack, folder=proxy.own_folder, state=proxy.folder, image=image)


async def _pinned(context: RunContext) -> str:
    """Return a name of Teal's own for the image that the owner's name means now."""
    assert context.stack.own is not None, "only asked of a stack that has one"
    engine, reference = context.ports.engine, context.stack.own.image
    found = await engine.image(reference)
    if found is None:
        await context.ports.compose.pull_images([reference], on_line=context.reporter.tool)
        found = await engine.image(reference)
    if found is None:
        raise Refused(
            f"the image {reference} of Teal's own proxy is not there", hint=f"get it: docker pull {reference}"
        )
    tag = found.id.removeprefix("sha256:")[:12]
    await engine.tag(found.id, repository(context.stack.project, OWN), tag)
    return f"{repository(context.stack.project, OWN)}:{tag}"


async def _make_networks(context: RunContext, files: dict[str, str]) -> None:
    """Let Compose make those networks of the stack's that the proxy needs and that are not there yet."""
    stack, model = context.stack, context.stack.models[Side.PLAIN]
    keys = networks_of_own(stack)
    names = {key: name_of(model, key) for key in keys}
    there = await context.ports.engine.existing_networks(names.values())
    absent = [key for key in keys if names[key] not in there]
    definitions = {key: mapping(mapping(model.get("networks")).get(key)) for key in absent}
    for key in absent:
        if definitions[key].get("external"):
            raise Refused(
                f"the network {names[key]}, which is external, does not exist",
                hint=f"make it: docker network create {names[key]}",
            )
    if not absent:
        return
    image = pinned_image(files)
    tree = {
        "name": stack.project,
        "services": {NETWORKS: {"image": image, "networks": dict.fromkeys(absent)}},
        "networks": {key: dict(definitions[key]) or None for key in absent},
    }
    context.ports.proxy.keep_own({**files, "networks.json": to_json(tree)})
    file = f"{context.ports.proxy.own_folder}/networks.json"
    await context.ports.compose.up(stack.project, file, (NETWORKS,), start=False, on_line=context.reporter.tool)
    for each in await context.containers(Side.PLAIN, frozenset({NETWORKS})):
        await context.ports.engine.remove(each.id)


async def take_over(context: RunContext, names: tuple[str, ...]) -> bool:
    """Stop the plain containers of *names* and give their ports to the proxy, while users wait; tell if it was so."""
    plain = tuple(each for each in await context.containers(Side.PLAIN, frozenset(names)) if each.running)
    main = await _main(context)
    if not plain and main is not None and main.running:
        return True
    ports = published(context.stack)
    if ports and (main is None or not main.running):
        await _up(context, (MAIN,), start=False)
    if plain:
        await _require_doors(context)
        await reload_fronts(context, sure=True)
        # Not held before, and dependants first: what they still answer calls others by names that may lead through the
        # proxy already. It tries again what it can't dial any more, so that users wait all the same.
        fronts = await _fronts(context)
        await containers.retire(context, Side.PLAIN, names, then=partial(_reload, context, fronts))
        await traffic.hold(context)
    began = context.ports.clock.monotonic()
    if ports:
        await _start_main(context)
        gap = context.ports.clock.monotonic() - began
        if plain:
            listed = ", ".join(str(each.port) for each in ports)
            closed = f"port {listed} was" if len(ports) == 1 else f"ports {listed} were"
            stops = "container needed" if len(plain) == 1 else "containers needed"
            context.reporter.note(f"{closed} closed for {gap:.1f} s, after the time that the old {stops} to stop")
    return False


async def _require_doors(context: RunContext) -> None:
    """Raise ``Failed`` where a door does not run: whoever calls its names would find nobody."""
    every = {each.service: each for each in await _own(context, doors=True)}
    for name in _doors(context):
        door = every.get(f"{OWN}-{name}")
        if door is None or not door.running or door.restarts:
            log = await context.ports.engine.logs(door.id, lines=20) if door else ""
            raise Failed(f"{name} of Teal's own proxy does not run", hint=f"`teal up {OWN}`", detail=log)


async def _start_main(context: RunContext) -> None:
    """Start the form of the proxy that has the ports, and return once it reads the state file."""
    main = await _main(context)
    if main is None:
        raise Failed("the container of Teal's own proxy was removed meanwhile", hint="deploy again")
    await context.ports.engine.start(main.id)
    context.traffic.forget_proxy()
    before = context.traffic.now()
    keyed = before.key == context.traffic.key
    if not keyed:  # an undo has taken it out already
        context.ports.proxy.write(before.with_key(before.side or Side.PLAIN, context.traffic.key))
    try:
        await prove_state(context)
    finally:
        if not keyed:
            context.ports.proxy.write(before)


async def give_back(context: RunContext) -> bool:
    """Take the ports of this machine from the proxy; its names and labels stay, with the form that has no ports."""
    if context.stack.own is None or not published(context.stack):
        return True
    main = await _main(context)
    if main is None:
        return True
    if main.running:
        await _up(context, (FIRST,), start=True)
        await reload_fronts(context)
        await context.ports.engine.stop(main.id, grace=STOP)
    await context.ports.engine.remove(main.id)
    context.traffic.forget_proxy()
    return False


async def tidy(context: RunContext, side: Side) -> bool:
    """Remove what of the proxy *side* does not need: all of it on the plain side, else the form without ports."""
    every = await _own(context, doors=side is Side.PLAIN)
    main = await _main(context)
    if side is Side.PLAIN:
        gone = every
    else:
        gone = tuple(each for each in every if _form(each) == FIRST and main is not None and main.running)
    if not gone:
        return True
    fronts = await _fronts(context)
    await _reload(context, fronts)
    await asyncio.gather(*(_stop_known(context, each, fronts) for each in gone if each.running))
    context.traffic.forget_proxy()
    for each in gone:
        await context.ports.engine.remove(each.id)
    return False


async def _stop_known(context: RunContext, container: Container, fronts: Mapping[str, Container]) -> None:
    """Stop a *container* of the proxy, and let *fronts* forget its address at once: who is sent there waits."""
    await context.ports.engine.stop(container.id, grace=GENTLE)
    await _reload(context, fronts)


async def update(context: RunContext) -> bool:
    """Bring the running proxy to its files and image of now; tell whether it was so already.

    A change of its configuration alone is loaded; any other makes its containers anew, and its ports are closed for
    about a second.
    """
    before = context.ports.proxy.own_files()
    if not await keep(context, renew=True):
        return await start(context)
    after = context.ports.proxy.own_files()
    running = [each for each in await _own(context) if each.running]
    if not running:
        return await start(context)
    if before.get(PROJECT_FILE) == after.get(PROJECT_FILE):
        for each in await _own(context, doors=True):
            file = "Caddyfile" if each.service == OWN else f"Caddyfile.{each.service.removeprefix(f'{OWN}-')}"
            await _run(context, each, ("caddy", "reload", "--config", f"/etc/caddy/{file}"))
    else:
        wanted = dict.fromkeys(_form(each) for each in running)
        await _up(context, (*wanted, *_doors(context)), start=True)
        await reload_fronts(context)
    kept = {OWN, *(f"{OWN}-{name}" for name in _doors(context))}
    for each in await _own(context, doors=True):
        if each.service not in kept:
            await context.ports.engine.stop(each.id, grace=GENTLE)
            await context.ports.engine.remove(each.id)
    context.traffic.forget_proxy()
    return False


async def reload_fronts(context: RunContext, *, sure: bool = False) -> None:
    """Let whoever stands in front and looks names up once look them up anew.

    One that refuses goes on as it was, which is told, or, *sure*, raised.
    """
    await _reload(context, await _fronts(context), sure=sure)


async def _fronts(context: RunContext) -> dict[str, Container]:
    """Return the containers, by their ids, that may call the proxy by a name or an address."""
    if not any(not isinstance(each, Published) for each in context.stack.entrances):
        return {}
    model = context.stack.models[Side.PLAIN]
    return await _fronts_on(context, [name_of(model, key) for key in networks_of_own(context.stack)])


async def _fronts_on(context: RunContext, networks: Iterable[str]) -> dict[str, Container]:
    seen: dict[str, Container] = {}
    for name in networks:
        seen |= {each.id: each for each in await context.ports.engine.on_network(name)}
    own = {each.id for each in await context.ports.engine.containers(context.stack.project) if _is_ours(context, each)}
    return {id_: each for id_, each in seen.items() if id_ not in own}


async def _reload(context: RunContext, fronts: Mapping[str, Container], *, sure: bool = False) -> None:
    for front in fronts.values():
        await _reload_one(context, front, sure=sure)


async def _reload_one(context: RunContext, front: Container, *, sure: bool) -> None:
    programs = context.ports.machine.programs(front.pid)
    for program, command in _RELOADS.items():
        words = programs.get(program)
        if words is None or (program == "haproxy" and not {"-W", "-Ws"} & set(words)):
            continue
        try:
            await _run(context, front, command)
        except TealError as error:
            message = f"{front.name} goes on with the addresses that it knew: {error.message}"
            if sure:
                raise Failed(message, hint=f"see: docker logs {front.name}") from error
            context.reporter.note(f"{message}; reload it: docker exec {front.name} {' '.join(command)}", warning=True)
        return


async def _run(context: RunContext, container: Container, command: tuple[str, ...]) -> None:
    ran = await context.ports.engine.execute(container.id, command, within=Seconds(10.0))
    if ran.status != 0:
        raise Unavailable(
            f"{' '.join(command)} ended with status {ran.status}: {ran.output.strip()}", hint="see its log"
        )


def _is_ours(context: RunContext, each: Container) -> bool:
    """Tell whether *each* is of a release, of a rotating service, or of the proxy itself: none of them is a front."""
    return each.side is not Side.PLAIN or each.service in context.stack.rotating_names or each.service.startswith(OWN)


async def _held(context: RunContext) -> bool:
    """Tell whether a plain container of the stack holds a port that the proxy is to have."""
    wanted = {each.port for each in published(context.stack)}
    plain = await context.containers(Side.PLAIN)
    return any(port in wanted for each in plain if each.running for _, port in each.published)


async def _own(context: RunContext, *, doors: bool = False) -> tuple[Container, ...]:
    every = await context.ports.engine.containers(context.stack.project)
    plain = (each for each in every if each.side is Side.PLAIN)
    return tuple(each for each in plain if each.service == OWN or (doors and each.service.startswith(f"{OWN}-")))


async def _main(context: RunContext) -> Container | None:
    return next((each for each in await _own(context) if _form(each) == MAIN), None)


def _form(each: Container) -> str:
    """Return which service of its project a container of the proxy is."""
    return FIRST if f"-{FIRST}-" in each.name else MAIN


def _doors(context: RunContext) -> tuple[str, ...]:
    return tuple(door.name for door in layout(context.stack).doors[1:])


async def _up(context: RunContext, services: Iterable[str], *, start: bool) -> None:
    file = f"{context.ports.proxy.own_folder}/{PROJECT_FILE}"
    project = own_project(context.stack.project)
    await context.ports.compose.up(project, file, tuple(services), start=start, on_line=context.reporter.tool)
