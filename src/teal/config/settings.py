"""Makes settings of an option, the environment, ``teal.yml`` and the defaults; the first one that is set wins."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from teal.config.options import Overrides
from teal.config.teal_yml import Retention, TealYml, Timeouts
from teal.core.model.duration import seconds
from teal.core.model.stack import Settings, Stage
from teal.core.model.units import Seconds
from teal.core.planning.wording import staged
from teal.errors import ConfigError

_DEFAULTS = Settings()
_CANARY = "canary: [5% for 2m, 25% for 5m]"


def settings_of(overrides: Overrides, environment: Mapping[str, str], said: TealYml) -> Settings:
    """Return the settings in force; ConfigError names the option, variable or key that can't be understood."""
    times = said.timeouts
    health = (
        ("--health-timeout", overrides.health_timeout),
        ("HEALTH_CHECK_TIMEOUT", environment.get("HEALTH_CHECK_TIMEOUT")),
        ("timeouts.health in teal.yml", times.health),
    )
    return Settings(
        health_timeout=_first(*health, default=_DEFAULTS.health_timeout),
        health_asked=any(written not in {None, ""} for _, written in health),
        health_interval=_first(
            ("--health-interval", overrides.health_interval),
            ("HEALTH_CHECK_INTERVAL", environment.get("HEALTH_CHECK_INTERVAL")),
            ("timeouts.interval in teal.yml", times.interval),
            default=_DEFAULTS.health_interval,
        ),
        confirm_timeout=_first(
            ("CONFIRM_TIMEOUT", environment.get("CONFIRM_TIMEOUT")),
            ("timeouts.confirm in teal.yml", times.confirm),
            default=_DEFAULTS.confirm_timeout,
        ),
        drain_timeout=_first(
            ("--drain-timeout", overrides.drain_timeout),
            ("DRAIN_TIMEOUT", environment.get("DRAIN_TIMEOUT")),
            ("timeouts.drain in teal.yml", times.drain),
            default=_DEFAULTS.drain_timeout,
        ),
        websocket_drain=_first(
            ("timeouts.websocket_drain in teal.yml", times.websocket_drain), default=_DEFAULTS.websocket_drain
        ),
        canary=_stages(overrides.canary, said.canary),
        bake=_first(("--bake", overrides.bake), ("bake in teal.yml", said.bake), default=_DEFAULTS.bake),
        keep_releases=said.retention.releases,
        retire=said.retire,
        pages=_first(("pages in teal.yml", said.pages), default=_DEFAULTS.pages),
        measure=said.measure in {True, "on"},
    )


def again(settings: Settings, overrides: Overrides, environment: Mapping[str, str]) -> Settings:
    """Return kept *settings* with what option and environment say now."""
    asked = settings.health_asked or settings.health_timeout != _DEFAULTS.health_timeout
    times = Timeouts(
        health=settings.health_timeout if asked else None,
        interval=settings.health_interval,
        confirm=settings.confirm_timeout,
        drain=settings.drain_timeout,
        websocket_drain=settings.websocket_drain,
    )
    said = TealYml(
        timeouts=times,
        retention=Retention(settings.keep_releases),
        retire=settings.retire,
        bake=settings.bake,
        pages=settings.pages,
        canary=[staged(each) for each in settings.canary],
        measure=settings.measure,
    )
    return settings_of(overrides, environment, said)


_STAGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%(?:\s+for\s+(\S+))?\s*")


def _stages(option: str, said: Sequence[str]) -> tuple[Stage, ...]:
    """Return the stages of a canary; only the last one may go on until somebody decides."""
    name, written = ("--canary", [option]) if option else ("canary in teal.yml", list(said))
    stages = tuple(_stage(name, each) for each in written)
    if any(each.seconds is None for each in stages[:-1]):
        raise ConfigError(
            f"{name}: only the last stage may go on until somebody decides",
            hint=f"for example `{_CANARY}`",
        )
    if any(later.percent <= earlier.percent for earlier, later in pairwise(stages)):
        raise ConfigError(
            f"{name}: each stage must lead more users than the one before", hint=f"for example `{_CANARY}`"
        )
    return stages


def _stage(name: str, written: str) -> Stage:
    found = _STAGE.fullmatch(written)
    if found is None or not 0 < float(found[1]) < 100:
        example = "--canary 10%" if name.startswith("--") else _CANARY
        raise ConfigError(f"{name}: {written!r} is no share of users", hint=f"for example `{example}`")
    return Stage(float(found[1]), _seconds(name, found[2]) if found[2] else None)


def _first(*spoken: tuple[str, str | int | float | None], default: Seconds) -> Seconds:
    for name, written in spoken:
        if written is not None and written != "":
            return _seconds(name, written)
    return default


def _seconds(name: str, written: str | int | float) -> Seconds:
    try:
        return seconds(written)
    except ValueError as error:
        key, _, file = name.partition(" in ")
        example = f"{key.rpartition('.')[2]}: 300s" if file else f"{key}=300s"
        raise ConfigError(f"{name}: {error}", hint=f"for example `{example}`") from error
