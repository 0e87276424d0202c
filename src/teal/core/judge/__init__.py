"""Is SQL safe in its phase, while two releases share the database?

Pure: it is given scripts and what the database says, and returns findings. It knows nothing of the rest of Teal but
the phases, SQL's syntax, the ``-- teal:`` comments and the errors. Here are the values; ``evaluate`` loads all rules.
"""

from teal.core.judge.values import Catalog, Column, Finding, Index, Lint, Need, Script, Signature, Trigger
from teal.core.model.migrations import Phase

__all__ = ["Catalog", "Column", "Finding", "Index", "Lint", "Need", "Phase", "Script", "Signature", "Trigger"]
