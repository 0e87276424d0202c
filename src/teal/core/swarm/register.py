"""The state word as a register (epoch, word), replicated over the edges: one edge's part of it, as a value.

An edge is a machine whose proxy reads the state word for each request; the agent beside it keeps the word there. It
holds two things: what is *kept* on its disk, and what is *shown* to the proxy, on a tmpfs that a restart of the
machine empties. Where nothing is shown, the proxy holds its requests: so a machine that was away serves nothing before
it has heard what is true now.

How a word comes to be shown, and which hole each rule closes:

- An epoch is allocated once, in the store of truth, and so has one word for ever. ``prepare`` promises it, durably, on
  all edges, those left out by name excepted; more than half must promise. Then the store decides. Then all are told.
- ``started``: an edge that shows nothing settles when more than half of the *voters* were heard, itself included, on
  the newest word that any of them knows as decided. Where one of them has promised a newer epoch than that, nobody
  there knows whether it was decided: the edge goes on holding until a peer or Teal says so. (Else a decision that
  reached a minority, which is gone now, could be forgotten.)
- An edge whose disk was lost has forgotten what it promised: it does not count among the voters, for nobody, until it
  has promised and learned an epoch anew. (Where all edges answer, voters or not, nothing can be hidden: so begins the
  first word of all.) More than half of the disks lost at once is beyond any such rule.
- What a command says may be old, the command may have slept: an edge that shows nothing takes it as knowledge, and
  shows it by the rule above only.
- Where a promise is told to be dead (never decided, never to be), it is dropped, and what is known as decided stays.

No I/O and no clock; nothing but the standard library, since the agent carries this module to where Teal is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A word and the epoch that orders it; epoch 0 is before any decision."""

    epoch: int = 0
    word: str = ""


NOTHING = Mark()


@dataclass(frozen=True, slots=True)
class Kept:
    """What an edge has on its disk."""

    known: Mark = NOTHING  # the newest mark known as decided
    promised: Mark = NOTHING  # the newest mark that was prepared here; of no weight once *known* is as new
    voter: bool = False  # it remembers all that it has promised

    @property
    def open(self) -> bool:
        """Tell whether something was promised here of which it is not known how it was decided."""
        return self.promised.epoch > self.known.epoch


@dataclass(frozen=True, slots=True)
class Said:
    """What an edge says of itself, to its peers and to Teal."""

    node: str
    kept: Kept
    shown: Mark | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge of *size* together."""

    node: str
    size: int
    kept: Kept = Kept()
    shown: Mark | None = None

    @property
    def says(self) -> Said:
        """Return what it says of itself."""
        return Said(self.node, self.kept, self.shown)


def started(node: str, size: int, kept: Kept | None, shown: Mark | None) -> Edge:
    """Return the edge as its agent finds it: *kept* is None where the disk is new, *shown* where the tmpfs is empty."""
    edge = Edge(node, size, kept or Kept(), shown)
    if shown is None:
        return edge
    return _learned(edge, shown)


def prepared(edge: Edge, mark: Mark) -> tuple[Edge, str]:
    """Return the edge that has promised *mark*, and ""; or the edge as it was, and why not."""
    if edge.shown is None:
        return edge, "it has not yet heard what is true now"
    if mark.epoch <= edge.kept.known.epoch:
        return edge, f"epoch {edge.kept.known.epoch} was decided, {mark.epoch} is older"
    if mark.epoch < edge.kept.promised.epoch:
        return edge, f"epoch {edge.kept.promised.epoch} was promised, {mark.epoch} is older"
    return replace(edge, kept=replace(edge.kept, promised=mark)), ""


def told(edge: Edge, mark: Mark, upto: int) -> Edge:
    """Return the edge that was told of *mark* as decided, and of every other epoch up to *upto* as dead."""
    edge = _learned(edge, mark)
    promised = edge.kept.promised
    if edge.kept.known.epoch < promised.epoch <= upto:
        edge = replace(edge, kept=replace(edge.kept, promised=NOTHING))
    return edge


def heard(edge: Edge, peers: Iterable[Said]) -> Edge:
    """Return the edge that has heard *peers*, those that answered just now, and that may settle by it."""
    others = {each.node: each for each in peers if each.node != edge.node}
    newest = max((each.kept.known for each in others.values()), default=NOTHING)
    edge = _learned(edge, newest)
    if edge.shown is None:
        return _settled(edge, {**others, edge.node: edge.says})
    return edge


def _learned(edge: Edge, mark: Mark) -> Edge:
    """Return the edge that knows of *mark* as decided; it shows it where it has shown an older one."""
    kept = edge.kept
    if mark.epoch > kept.known.epoch:
        kept = replace(kept, known=mark, voter=kept.voter or kept.promised == mark)
    shown = kept.known if edge.shown is not None and edge.shown.epoch < kept.known.epoch else edge.shown
    return replace(edge, kept=kept, shown=shown)


def _settled(edge: Edge, all_heard: Mapping[str, Said]) -> Edge:
    """Return the edge that shows the newest decided mark, where those that were heard are enough to know it."""
    heard_of = [each.kept for each in all_heard.values()]
    enough = sum(kept.voter for kept in heard_of) * 2 > edge.size or len(heard_of) >= edge.size
    best = edge.kept.known
    if not enough or best.epoch == 0 or any(kept.promised.epoch > best.epoch for kept in heard_of):
        return edge
    return replace(edge, shown=best)
