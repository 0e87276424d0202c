"""What the pages say is so: links, command lines, keys, variables, statuses, files and layers."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from teal.cli.group import ENTRIES, EXITS, cli
from teal.cli.session import Session
from teal.config.options import Overrides
from teal.config.settings import settings_of
from teal.config.strict_yaml import decode
from teal.config.teal_yml import TealYml, checks_of, evidence_of, hooks_of
from teal.core.model.stack import Settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "teal"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPOKEN = re.compile(r"`((?:docker )?teal [^`]+)`")
TYPED = re.compile(r"^ *(?:\$ )?((?:[A-Z_]+=\S+ )*(?:(?:docker )?teal|\./scripts/deploy\.sh) .*)$", re.MULTILINE)


def relative(page: Path) -> str:
    return str(page.relative_to(ROOT))


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> list[str]:
    return [body for _, language, body in FENCE.findall(text) if language in languages]


def prose(text: str) -> str:
    return FENCE.sub("", text)


# ── links ──


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ +(.*)$", prose(path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        for target in LINK.findall(prose(path.read_text(encoding="utf-8"))):
            if not target.startswith(("http://", "https://")):
                yield relative(path), target


@pytest.mark.parametrize(("name", "target"), list(links()))
def test_every_relative_link_leads_to_a_page_and_a_heading(name: str, target: str) -> None:
    file, _, heading = target.partition("#")
    path = (ROOT / name).parent / file if file else ROOT / name
    assert path.exists()
    assert not heading or heading in anchors(path)


def test_the_decisions_are_all_in_their_index() -> None:
    index = page("docs/adr/README.md")
    for path in sorted((ROOT / "docs" / "adr").glob("0*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(". ")[2]
        assert f"({path.name}) | {title} |" in index


# ── command lines ──


def written_lines() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for block in blocks(text, "sh", "console"):
            yield from ((relative(path), line) for line in TYPED.findall(block) if "…" not in line)
        yield from ((relative(path), line) for line in SPOKEN.findall(prose(text)))


def hinted_lines() -> Iterator[tuple[str, str]]:
    """Yield the commands that messages and hints tell people to type."""
    for path in sorted(SOURCE.rglob("*.py")):
        for text in strings(ast.parse(path.read_text(encoding="utf-8"))):
            yield from ((relative(path), line) for line in SPOKEN.findall(text))


def strings(tree: ast.AST) -> Iterator[str]:
    """Yield every text in *tree*; what an f-string fills in is called ``web``, as a release 7."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "web" for part in node.values)  # type: ignore[misc]
            yield text.replace("teal rollback web", "teal rollback 7")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def arguments(line: str) -> list[str]:
    """Return what ``teal`` gets of *line*: no variables before it, no pipe or redirection behind it."""
    words = shlex.split(line, comments=True)
    while words and (re.fullmatch(r"[A-Z_]+=.*", words[0]) or words[0] == "docker"):
        words.pop(0)
    end = next((at for at, word in enumerate(words) if word in {"|", ">", "&&", ";"}), len(words))
    return ["7" if word == "N" else word for word in words[1:end]]


def understand(given: list[str]) -> None:
    """Take *given* apart as the command line does, and run nothing."""
    command: click.Command = cli
    context = cli.make_context("teal", list(given), obj=Session())
    while isinstance(command, click.Group):
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


@pytest.mark.parametrize(("name", "line"), sorted({*written_lines(), *hinted_lines()}))
def test_every_command_line_in_pages_and_hints_is_one(name: str, line: str) -> None:
    given = arguments(line)
    if given[0] != "COMMAND":
        understand(given)


@pytest.mark.parametrize(
    "line", ["teal deploi", "teal deploy --restart-proxy", "teal rollback x", "teal plugin instal"]
)
def test_a_command_line_that_is_none_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        understand(arguments(line))


@pytest.mark.parametrize("name", ENTRIES)
def test_every_command_has_a_line_to_type(name: str) -> None:
    typed = [arguments(line) for path, line in written_lines() if path == "docs/commands.md"]
    assert any(name in given[:3] for given in typed)


@pytest.mark.parametrize("name", ["deploy", "rollback", "cleanup", "restart", "down", "logs"])
def test_every_option_is_explained(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = {option for each in command.params if isinstance(each, click.Option) for option in each.opts}
    text = page("docs/commands.md")
    assert not [option for option in options if option.startswith("--") and option not in text]


def test_the_exit_statuses_are_those_of_the_program() -> None:
    section = page("docs/commands.md").partition("## Exit statuses")[2].partition("\n## ")[0]
    assert [
        (int(status), text) for status, text in re.findall(r"^\| (\d+) \| (.*) \|$", section, re.MULTILINE)
    ] == list(EXITS)


# ── teal.yml ──


def example(folder: Path) -> tuple[Path, TealYml]:
    path = folder / "teal.yml"
    path.write_text(blocks(page("docs/teal-yml.md"), "yaml")[0], encoding="utf-8")
    return path, decode(path, TealYml)


def test_the_example_of_teal_yml_is_accepted_and_says_what_it_means(tmp_path: Path) -> None:
    _, said = example(tmp_path)
    evidence = evidence_of(said, overlaid=frozenset(), proxy=said.proxy, named=_nothing_named())
    assert evidence.needs == {"web": ("thumbnails",)}
    assert len(checks_of(said)) == 2
    assert {hook.when for hook in hooks_of(said)} == {
        *("pre-build", "pre-deploy", "pre-switch", "post-switch", "post-deploy", "on-failure")
    }


def _nothing_named() -> object:
    from teal.config.caddyfile import NamedByProxy

    return NamedByProxy({}, {})


def keys_of(kind: type) -> Iterator[str]:
    """Yield every key that may be written in *kind*, or below."""
    seen: set[type] = set()

    def walk(at: msgspec.inspect.Type) -> Iterator[str]:
        match at:
            case msgspec.inspect.StructType() if at.cls not in seen:
                seen.add(at.cls)
                for field in at.fields:
                    yield field.encode_name
                    yield from walk(field.type)
            case msgspec.inspect.Metadata(inner) | msgspec.inspect.ListType(inner):
                yield from walk(inner)
            case msgspec.inspect.DictType(_, value):
                yield from walk(value)
            case msgspec.inspect.UnionType(types):
                for each in types:
                    yield from walk(each)

    yield from walk(msgspec.inspect.type_info(kind))


def test_the_example_of_teal_yml_shows_every_key() -> None:
    text = blocks(page("docs/teal-yml.md"), "yaml")[0]
    assert not [key for key in keys_of(TealYml) if key != "tcp" and not re.search(rf"\b{key}:", text)]


def test_the_defaults_that_are_told_are_the_defaults(tmp_path: Path) -> None:
    path, _ = example(tmp_path)
    text = path.read_text(encoding="utf-8")
    told = dict(re.findall(r"^  (\w+): .*\((\w+)\)$", text, re.MULTILINE))
    timeouts = {key: value for key, value in told.items() if key != "releases"}
    path.write_text("timeouts: {" + ", ".join(f"{key}: {value}" for key, value in timeouts.items()) + "}\n")
    assert set(timeouts) == {"health", "interval", "confirm", "drain", "websocket_drain"}
    assert settings_of(Overrides(), {}, decode(path, TealYml)) == Settings(health_asked=True)
    assert int(told["releases"]) == Settings().keep_releases


# ── variables, files, layers ──


def sources() -> str:
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.caddy")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_every_variable_of_the_environment_page_is_known_to_the_program() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]{3,})`", page("docs/environment.md")))
    known = sources()
    assert {"TEAL_HOME", "HEALTH_CHECK_TIMEOUT", "TEAL_ADMIN", "TEAL_PREVIOUS_COLOR"} <= named
    # Compose reads these itself: Teal runs it with the owner's environment.
    of_compose = {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES"}
    assert not [name for name in named - of_compose if name not in known]


def layers(container: str) -> list[str]:
    contracts = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    return next(each["layers"] for each in contracts if each.get("containers") == [container])


@pytest.mark.parametrize(("block", "container"), [("layers_core", "teal.core"), ("layers_run", "teal.run")])
def test_the_rooms_in_the_picture_are_those_that_are_enforced(block: str, container: str) -> None:
    (drawn,) = blocks(page("ARCHITECTURE.md"), block)
    assert drawn.splitlines() == layers(container)
    named = set(re.findall(r"\w+", drawn))
    room = container.partition(".")[2]
    (table,) = re.findall(rf"^\| room of `{room}` .*?\n\n", page("ARCHITECTURE.md"), re.MULTILINE | re.DOTALL)
    first = "".join(re.findall(r"^\|(.*?)\|", table, re.MULTILINE)[1:])
    assert set(re.findall(r"`(\w+)`", first)) == named


def test_the_layers_in_the_picture_are_those_that_are_enforced() -> None:
    (drawn,) = blocks(page("ARCHITECTURE.md"), "layers")
    assert drawn.splitlines() == layers("teal")
    rows = re.findall(r"^\| `(\w+)` \|", page("ARCHITECTURE.md"), re.MULTILINE)
    assert rows[: len(re.findall(r"\w+", drawn))] == re.findall(r"\w+", drawn)


def named_files() -> list[str]:
    found = re.findall(
        r"`((?:core|run|cli|config|adapters|ports|tests|proof|docs|scripts)[/.][^`\s]*)`", page("ARCHITECTURE.md")
    )
    return sorted({one for each in found for one in spread(each)})


def spread(name: str) -> list[str]:
    """Return the names that ``a/{b,c}`` stands for."""
    braces = re.search(r"\{([^}]*)\}", name)
    if not braces:
        return [name]
    return [name.replace(braces[0], each.strip()) for each in braces[1].split(",")]


@pytest.mark.parametrize("name", named_files())
def test_every_file_that_the_architecture_names_is_there(name: str) -> None:
    assert list(SOURCE.glob(name)) or list(ROOT.glob(name))
