"""What runs to its end, what must never run twice, and what people run by hand: by names, commands and variables.

Words count as whole words: no scheduler is in "schedulerless", no seed in "seedbank". A name alone makes no job of what
publishes a port, or restarts for ever.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from teal.core.model.compose import Node, replicas_of, text, words_of
from teal.core.services.known_images import parts_of, words

_ONCE = """
    init initialize initializer migrate migrator migration migrations setup seed seeder seeds seeding configurator
    quickstart bootstrap prestart provision provisioner provisioning installer fixtures loaddata collectstatic
    precompile createbuckets createbucket createsuperuser createdb initdb
"""
_ONCE_NAMES = frozenset(_ONCE.split())
_ONCE_FIRST = frozenset({"create", "init", "migrate", "seed", "setup", "prepare", "make", "generate", "import"})
_ONCE_IMAGES = frozenset(
    {
        "flyway",
        "liquibase",
        "migrate/migrate",
        "arigaio/atlas",
        "atlas",
        "dbmate",
        "goose",
        "mkcert",
        "sqitch",
        "sqitch/sqitch",
    }
    | {"tern", "schemaspy", "alembic"}
)
_ONCE_COMMANDS = re.compile(
    r"alembic\b.*\b(?:upgrade|stamp)\b"
    r"|\bdb:(?:migrate|prepare|seed|setup|create|schema:load)\b"
    r"|\bprisma\s+(?:migrate|db)\b"
    r"|\bartisan\s+(?:migrate|db:seed|key:generate|storage:link|optimize)\b"
    r"|\bmanage(?:\.py)?\s+(?:migrate|collectstatic|loaddata|createsuperuser|compress|createcachetable)\b"
    r"|\befbundle\b|\bef\s+database\s+update\b|\bupdate-database\b"
    r"|\bmigrate:(?:latest|up|run|deploy)\b|\bmigration:run\b|\becto\.(?:migrate|setup)\b"
    r"|\bassets:precompile\b|\bcollectstatic\b|\bdoctrine:migrations:migrate\b"
    r"|\b(?:goose|dbmate|tern|sqlx|diesel|migrate)\b.*\b(?:up|run|migrate)$"
    r"|\bflask\s+db\s+upgrade\b|\bdb\s+upgrade\b|\baerich\s+upgrade\b"
    r"|\b(?:npm|yarn|pnpm|bun)\s+(?:run\s+)?(?:db:)?(?:migrate|seed|setup)\b"
    r"|\bkafka-topics(?:\.sh)?\b.*--create\b|\bmc\s+(?:mb|alias|config)\b|\brs\.initiate\b"
    r"|^\S*(?:migrate|seed|setup|bootstrap|prestart|provision)(?:\.\w+)?$"
    r"|\bmigrate\s+(?:apply|deploy|up|latest)\b|\bdrizzle-kit\s+(?:migrate|push)\b"
    r"|\bknex\b.*\b(?:latest|seed:run)\b|\bsequelize\b.*\bdb:\w+\b"
    r"|\bliquibase\b.*\bupdate\b|\bflyway\b.*\bmigrate\b|\bload_?(?:data|fixtures)\b"
)
_TOOL_NAMES = frozenset({"base", "awscli", "cli", "shell", "console", "toolbox"})
_SHELLS = frozenset({"bash", "sh", "ash", "zsh", "/bin/bash", "/bin/sh", "irb", "ipython", "psql", "shell", "console"})

_TIMED = """
    beat celerybeat cron crond crontab cronjob cronjobs supercronic scheduler scheduled schedule clock clockwork
    housekeeping housekeeper maintenance backup backups cleanup cleaner interval timer nightly daily hourly weekly
    ofelia certbot rqscheduler logrotate pruner janitor reaper periodic ticker dumps
"""
_TIMED_NAMES = frozenset(_TIMED.split())
_IMAGES = "backup backups cron crond ofelia restic supercronic certbot borgmatic duplicity logrotate autorestic acme.sh"
_TIMED_IMAGES = frozenset(_IMAGES.split())
_COMMANDS = "beat celerybeat cron crond supercronic scheduler clock clockwork rqscheduler certbot ofelia go-cron"
_TIMED_COMMANDS = frozenset(_COMMANDS.split())
_PROGRAMS = "housekeeping maintenance backup backups cleanup nightly night daily hourly weekly timer interval periodic"
_TIMED_PROGRAMS = frozenset(_PROGRAMS.split())
_FIELD = r"(?:\*(?:/\d+)?|\d{1,2}(?:[-,/]\d{1,2})*|[A-Za-z]{3}(?:[-,][A-Za-z]{3})*)"
_CRONTAB = re.compile(rf"^\s*(?:{_FIELD}\s+){{4,5}}{_FIELD}(?:\s|$)")
_EVERY = re.compile(r"^\s*@(?:daily|hourly|weekly|monthly|yearly|midnight|every\b)")
_LOOP = re.compile(  # what waits for something (while ! nc …) is none
    r"\bwhile\s+(?:true|:|\[ *1 *\]|1|sleep\b).*\bsleep\b|\bwhile\s+sleep\b|\bfor\s*\(\(\s*;;\s*\)\).*\bsleep\b",
    re.DOTALL,
)
_TIMER_VARIABLE = re.compile(
    r"(?:BACKUP_|SYNC_|RUN_|REFRESH_|UPDATE_|CLEANUP_|CHECK_)?INTERVAL(?:_SECONDS|_MINUTES|_HOURS)?|(?:\w+_)?CRON(?:_\w+)?|(?:\w+_)?SCHEDULE"
)
_NAMED_QUEUES = frozenset({"-Q", "-q", "--queue", "--queues", "-n", "--name", "--hostname", "--group", "--topic"})
_STAYS = frozenset({"always", "unless-stopped"})


def runs_once(name: str, service: Node) -> str:
    """Return why *service* runs to an end, by its image, command or name; "" where nothing says so."""
    if text(service.get("restart")) in _STAYS or service.get("ports") or service.get("expose"):
        return ""
    two, one = parts_of(text(service.get("image")))
    if not service.get("build") and ({two, one} & _ONCE_IMAGES):
        return f"{one} runs to an end"
    called = words(name)
    if set(called) & _ONCE_NAMES or (len(called) > 1 and called[0] in _ONCE_FIRST):
        return "its name says that it runs to an end"
    last = _last_command(words_of(service))
    found = _ONCE_COMMANDS.search(last)
    return f"its command runs to an end: {found[0].strip()[:40]}" if found else ""


def never_restarts(service: Node, others: Collection[Node]) -> str:
    """Return that the file says that *service* is not started again, as long as it does not say so of everything."""
    if text(service.get("restart")) != "no" or service.get("ports") or service.get("expose"):
        return ""
    alike = sum(text(other.get("restart")) == "no" for other in others)
    return 'it is not started again (restart: "no")' if alike * 2 <= len(others) else ""


def by_hand(name: str, service: Node) -> str:
    """Return why *service* is what people run by hand; "" where nothing says so."""
    if replicas_of(service) == 0:
        return "scaled to none"
    line = words_of(service)
    if line[:1] in {("true",), ("/bin/true",)}:
        return "it does nothing"
    if service.get("restart") or service.get("ports"):
        return ""
    if set(words(name)) & _TOOL_NAMES:
        return "its name says that people run it by hand"
    bare = len(line) == 1 and line[0] in _SHELLS
    return "a shell for people" if bare and service.get("tty") and service.get("stdin_open") else ""


def by_the_clock(name: str, service: Node, variables: Mapping[str, str], *, reached: bool) -> str:
    """Return why *service* acts by the clock, so that two must never run at once; "" where nothing says so.

    *variables* are those that no other service has; *reached*: users come to it, then a name is no proof.
    """
    line = words_of(service)
    found = _by_command(line, reached=reached)
    if found:
        return f"its command says {found}: two must never run at once"
    if reached:
        return ""
    called = set(words(name)) & _TIMED_NAMES
    if called:
        return f"its name says {min(called)}: two must never run at once"
    one = parts_of(text(service.get("image")))[1]
    if not service.get("build") and {*words(one), one} & _TIMED_IMAGES:
        return f"{one} acts by the clock: two must never run at once"
    timer = next((key for key, value in variables.items() if _TIMER_VARIABLE.fullmatch(key.upper()) and value), "")
    return f"{timer} says that it acts by the clock: two must never run at once" if timer else ""


def _by_command(line: Sequence[str], *, reached: bool) -> str:
    whole = " ".join(line)
    if line and (_CRONTAB.match(_inner(line)) or _EVERY.match(_inner(line))):
        return "when it runs, as a crontab does"
    if "schedule:work" in line or "schedule:run" in line or "schedule:work" in whole:
        return "schedule"
    if re.search(r"\bcelery\b", whole) and {"-B", "--beat"} & set(whole.split()):
        return "beat"
    said = list(_said(line))
    strong = next((word for word in said if word in _TIMED_COMMANDS), "")
    if strong and not (reached and strong in {"clock", "scheduler", "cron"}):
        return strong
    if reached:
        return ""
    weak = next((word for word in _programs(line) if word in _TIMED_PROGRAMS), "")
    return weak or ("a loop that sleeps" if _LOOP.search(whole) else "")


def _inner(line: Sequence[str]) -> str:
    """Return what is run, without the shell that runs it."""
    rest = line[2:] if len(line) > 2 and line[0] in _SHELLS and line[1].startswith("-") else line
    return " ".join(rest)


def _said(line: Sequence[str]) -> Iterator[str]:
    """Yield the words of a command, options and names of queues left out."""
    split = [part for word in line for part in word.split()]
    for before, word in zip(["", *split], split, strict=False):
        if word.startswith("-") or before in _NAMED_QUEUES or "=" in word:
            continue
        yield word.lower()
        yield from words(word)


def _programs(line: Sequence[str]) -> Iterator[str]:
    """Yield the words of what is run: of the first words, and of each script."""
    split = _inner(line).split()
    for count, word in enumerate(split):
        if (count < 2 or word.endswith((".sh", ".py", ".js", ".rb"))) and not word.startswith("-"):
            yield from words(word)


def _last_command(line: Sequence[str]) -> str:
    """Return the last of the commands that a shell runs one after the other: what the service goes on to be."""
    parts = re.split(r"&&|;|\n|\|\|", _inner(line))
    kept = [part.strip() for part in parts if part.strip() and not re.match(r"\s*(?:exit|true|fi|done|echo)\b", part)]
    return kept[-1].removeprefix("exec ") if kept else ""
