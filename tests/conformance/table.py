"""The table: every case, in the order in which it is printed."""

from __future__ import annotations

from tests.conformance import cases_files, cases_limits, cases_network, cases_process, cases_storage
from tests.conformance.case import Case

CASES: tuple[Case, ...] = (
    *cases_process.CASES,
    *cases_limits.CASES,
    *cases_storage.CASES,
    *cases_network.CASES,
    *cases_files.CASES,
)
