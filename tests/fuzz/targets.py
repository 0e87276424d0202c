"""All that is fuzzed."""

from tests.fuzz import command_line, files, records, tools

TARGETS = (*files.TARGETS, *command_line.TARGETS, *records.TARGETS, *tools.TARGETS)
