"""Durations, as Compose writes them and as people type them."""

from __future__ import annotations

import re

from teal.core.model.units import Seconds

_UNITS = {"us": 1e-6, "µs": 1e-6, "ns": 1e-9, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h|d))+")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_EXAMPLES = "write it like 300, 300s, 5m or 1h30m"


def seconds(written: str | int | float) -> Seconds:
    """Return the seconds that *written* means; raise ValueError, with what to write instead, where it means none."""
    text = str(written).strip()
    if _PLAIN.fullmatch(text):
        return Seconds(float(text))
    if _WHOLE.fullmatch(text):
        return Seconds(sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text)))
    raise ValueError(f"{_complaint(text)}: {_EXAMPLES}")


def _complaint(text: str) -> str:
    if not text:
        return "a duration is missing"
    if text.startswith("-"):
        return f"{text!r} is negative"
    if _WHOLE.fullmatch(text.replace(" ", "")):
        return f"{text!r} has a space in it"
    return f"{text!r} is not a duration"


def compose_seconds(value: object, default: Seconds) -> Seconds:
    """Return the seconds of a duration that Compose has validated, *default* where none is given."""
    if value is None or value == "":
        return default
    return seconds(str(value))


_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def said(value: Seconds) -> str:
    """Return a duration as people say it: ``0.4 s``, ``12 s``, ``2 min 5 s``, ``3 h 10 min``, ``4 days``."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < 2 * _HOUR:
        return f"{whole // _MINUTE} min" + (f" {whole % _MINUTE} s" if whole % _MINUTE and whole < 10 * _MINUTE else "")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR} h" + (f" {whole % _HOUR // _MINUTE} min" if whole < 10 * _HOUR else "")
    return f"{whole // _DAY} days"
