"""Write docs/judge-rules.md, the rules by which Teal judges SQL, from the rules themselves."""

from pathlib import Path

from teal.core.judge.evaluate import RULES
from teal.core.judge.queries import OLD_STATEMENT
from teal.core.judge.rule import ALWAYS, Nature, Rule

PAGE = Path(__file__).parent.parent / "docs" / "judge-rules.md"
TITLES = {
    Nature.PHASE: "It belongs into another phase: a release that is there can't live with it",
    Nature.LOCK: "It locks for long: the application waits",
    Nature.LOSS: "It fails, or loses writes",
    Nature.UNKNOWN: "What it does can't be told from the file",
}
HEAD = """# What the judge refuses: all rules

Each rule by its name, as `teal migrate check` prints it: the phases in which it holds, what would happen, and the safe
way. [Schema changes](migrations.md#what-the-judge-refuses) says how a file declares an exception. This page is written
by `python scripts/rules.py`, from the rules.
"""
WORDS = {"it": "it", "table": "the table", "name": "the column", "phase": "PHASE", "again": ""}


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(_section(nature, title) for nature, title in TITLES.items())


def _section(nature: Nature, title: str) -> str:
    rows = [_row(one) for one in (*RULES.values(), OLD_STATEMENT) if one.nature is nature]
    excuse = "`phase=` or `allow=`" if nature in (Nature.PHASE, Nature.UNKNOWN) else "`allow=`"
    head = "| rule | phases | what would happen | the safe way |\n|---|---|---|---|\n"
    return f"\n## {title}\n\nExcused by {excuse}, with a reason.\n\n{head}{''.join(rows)}"


def _row(rule: Rule) -> str:
    phases = "all" if rule.phases == ALWAYS else ", ".join(rule.phases)
    return f"| `{rule.name}` | {phases} | {_said(rule.why)} | {_said(rule.remedy)} |\n"


def _said(text: str) -> str:
    return text.format(**WORDS).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
