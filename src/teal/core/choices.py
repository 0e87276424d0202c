"""Decides: the words that a stack's owner, or whoever gives a command, may choose from; each set stands here once."""

from __future__ import annotations

from typing import Literal

Moment = Literal["pre-build", "pre-deploy", "pre-switch", "post-switch", "post-deploy", "on-failure"]  # of a hook
BEFORE_SWITCH: frozenset[Moment] = frozenset({"pre-build", "pre-deploy", "pre-switch"})  # where its failure aborts
Strategy = Literal["blue-green", "recreate"]
Images = Literal["build", "pull", "none"]  # where those of a release come from; none: they are there
