"""Writes metrics as the text that node_exporter's textfile collector reads: beside, and renamed into place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from teal.core.telling.metrics import Metric


class _Told(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterator[Family]:
        for each in self._metrics:
            kind = CounterMetricFamily if each.kind == "counter" else GaugeMetricFamily
            family = kind(each.name, each.help, labels=each.labels)
            for labels, value in each.samples:
                family.add_metric(labels, value)
            yield family


def write(path: str, metrics: Sequence[Metric]) -> str:
    """Write *metrics* to *path*, readable for all; return why that failed, "" where it did not."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(metrics))
    before = os.umask(0o022)
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(path, registry)
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        os.umask(before)
    return ""
