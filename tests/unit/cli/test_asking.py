"""What a deploy asks before its first release, what is written, and what is said where nobody can answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from teal.cli.main import run
from teal.core.model.proposal import Choice, Proposal
from teal.core.rendering.diff import Change, Difference, DiffWarning
from teal.run.api import DeployResult, Doubtful, RoleRow, Understood
from tests.unit.cli.library import FakeLibrary, session

FIRST = Understood(
    "shop",
    first=True,
    roles=(RoleRow("web", "route", "publishes port 8000", "GET /", needed=False),),
    ports={"web": 8000},
    front="nobody: users come to its published ports",
    takes=("port 8000 of this machine, for web:8000",),
    costs=("once: port 8000 is nobody's for about a second",),
)
UPLOADS = Proposal(
    "web:/data",
    "may two releases write there at the same time?",
    (
        Choice("both may write it", {("safe_volumes",): ("data",)}),
        Choice("one at a time: web is shared", {("services", "web"): "shared"}),
        Choice("neither: I mend the files"),
    ),
    default=1,
    why="a volume called data",
)
ASKED = replace(FIRST, questions=(UPLOADS,))
DONE = DeployResult("deploy", "shop", "done", 1, None, None, None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compose.yml").write_text("services: {web: {image: web}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at a terminal, who types these lines."""
    typed: list[str] = []
    monkeypatch.setattr("teal.cli.asking.interactive", lambda: True)
    monkeypatch.setattr("teal.cli.commands.deploy.interactive", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda asked="": print(asked) or typed.pop(0))
    return typed


class Library(FakeLibrary):
    """Understands *seen*, one after the other."""

    def __init__(self, *seen: Understood) -> None:
        super().__init__(deploy=DONE)
        left = list(seen)

        async def understand(_: object) -> Understood:
            return left.pop(0) if len(left) > 1 else left[0]

        self.answers["understand"] = understand


def test_the_first_deploy_shows_what_was_understood_and_asks_once(folder, terminal, capsys) -> None:
    terminal.append("")
    library = Library(FIRST)
    assert run(["deploy"], session(library)) == 0
    said = "".join(capsys.readouterr())
    assert "web, port 8000: publishes port 8000" in said
    assert "own proxy" in said
    assert "nobody's for about a second" in said
    assert "Deploy like this? [Y/n]:" in said
    assert library.words == ["deploy"]
    assert not (folder / "teal.yml").exists()


def test_no_is_no(folder, terminal, capsys) -> None:
    terminal.append("n")
    library = Library(FIRST)
    assert run(["deploy"], session(library)) == 130
    assert library.words == []
    assert "nothing was deployed" in capsys.readouterr().err


def test_later_deploys_ask_nothing(folder, terminal) -> None:
    library = Library(replace(FIRST, first=False))
    assert run(["deploy"], session(library)) == 0
    assert library.words == ["deploy"]


def test_an_answer_is_written_and_the_files_are_read_again(folder, terminal, capsys) -> None:
    terminal += ["1", "y"]
    library = Library(ASKED, FIRST)
    assert run(["deploy"], session(library)) == 0
    text = (folder / "teal.yml").read_text()
    assert text.endswith("\nsafe_volumes: [data]\n")
    assert "# routes:\n#   web: {port: 8000}  # publishes port 8000" in text
    assert "written to teal.yml:\n  safe_volumes: [data]" in capsys.readouterr().err
    assert library.words == ["deploy"]


def test_what_is_proposed_is_taken_by_return(folder, terminal) -> None:
    terminal += ["", ""]
    (folder / "teal.yaml").write_text("# mine\nretire: keep # so\n")
    assert run(["deploy"], session(Library(ASKED, FIRST))) == 0
    assert (folder / "teal.yaml").read_text() == "# mine\nretire: keep # so\nservices: {web: shared}\n"
    assert not (folder / "teal.yml").exists()


def test_an_answer_that_writes_nothing_ends_it(folder, terminal) -> None:
    terminal.append("3")
    library = Library(ASKED, FIRST)
    assert run(["deploy"], session(library)) == 130
    assert library.words == []
    assert not (folder / "teal.yml").exists()


@pytest.mark.parametrize("words", [["deploy"], ["init"], ["deploy", "--json"]])
def test_where_nobody_can_answer_the_lines_to_write_are_said(folder, capsys, words) -> None:
    library = Library(ASKED)
    assert run(words, session(library)) == 1
    said = "".join(capsys.readouterr()).replace("\\n", "\n").replace("\n  ", "\n")
    assert "a question has no answer yet, and there is no terminal to ask on" in said
    assert f"`teal {words[0]} --yes` writes what is proposed:\nservices: {{web: shared}}" in said
    assert "both may write it: `safe_volumes: [data]`" in said
    assert library.words == []
    assert not (folder / "teal.yml").exists()


def test_yes_takes_what_is_proposed(folder, capsys) -> None:
    library = Library(ASKED, FIRST)
    assert run(["deploy", "--yes"], session(library)) == 0
    assert "services: {web: shared}" in (folder / "teal.yml").read_text()
    assert library.words == ["deploy"]


def test_a_first_deploy_without_a_question_needs_nobody(folder) -> None:
    library = Library(FIRST)
    assert run(["deploy"], session(library)) == 0
    assert library.words == ["deploy"]


def test_what_is_refused_anyhow_is_not_asked_about(folder, terminal) -> None:
    library = Library(replace(ASKED, refused=True))
    assert run(["deploy"], session(library)) == 0
    assert library.words == ["deploy"]  # whose own refusal says what stands in the way


def test_init_writes_the_same_and_deploys_nothing(folder, capsys) -> None:
    library = Library(ASKED)
    assert run(["init", "--yes"], session(library)) == 0
    text = (folder / "teal.yml").read_text()
    assert "services: {web: shared}" in text
    assert library.words == []
    assert run(["init", "--yes"], session(Library(FIRST))) == 0
    assert (folder / "teal.yml").read_text() == text
    assert "was left as it is" in capsys.readouterr().out


def test_a_file_that_can_not_be_written_is_said_with_what_to_write(folder, capsys, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("teal.adapters.durable.write_synced", full)
    assert run(["init", "--yes"], session(Library(ASKED))) == 1
    said = capsys.readouterr().err
    assert "can't be written: No space left on device" in said
    assert "services: {web: shared}" in said


def test_a_question_that_stays_open_is_not_asked_again(folder) -> None:
    library = Library(ASKED)
    assert run(["deploy", "--yes"], session(library)) == 0
    assert library.words == ["deploy"]  # whose own refusal says what stands in the way
    assert run(["init", "--yes"], session(Library(ASKED))) == 0


ODD = Difference(
    "release 1",
    "today's files",
    (Change("web", "variable", "SMTP_HOST", "removed"),),
    (DiffWarning("web", "variable", "the variable SMTP_HOST is gone"),),
)


class Doubting(Library):
    """Asks about what differs, before or after images are *built*, until that was agreed to."""

    def __init__(self, *, built: bool) -> None:
        super().__init__(replace(FIRST, first=False))
        self.built = built

    async def _give(self, name, args, kwargs):
        if name == "deploy" and args[0].asks and not args[0].agreed:
            self.calls.append((name, args, kwargs))
            raise Doubtful(ODD, built=self.built)
        return await super()._give(name, args, kwargs)


@pytest.mark.parametrize("built", [False, True])
def test_what_has_taken_users_down_elsewhere_is_asked_once(folder, terminal, capsys, built) -> None:
    terminal.append("y")
    library = Doubting(built=built)
    assert run(["deploy"], session(library)) == 0
    said = capsys.readouterr().err
    assert "since release 1: web: variables -SMTP_HOST\n  ! web: the variable SMTP_HOST is gone" in said
    assert "Deploy it anyway? [y/N]:" in said
    first, second = [args[0] for _, args, _ in library.calls]
    assert (first.built, second.built) == (False, built)
    assert second.build == ("none" if built else "build")
    assert second.agreed == {"web: the variable SMTP_HOST is gone"}


def test_return_alone_deploys_nothing_where_it_is_asked(folder, terminal, capsys) -> None:
    terminal.append("")
    assert run(["deploy"], session(Doubting(built=False))) == 130
    assert "nothing was deployed" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--yes", "--json"])
def test_yes_and_programs_are_not_asked(folder, terminal, option) -> None:
    assert run(["deploy", option], session(Doubting(built=False))) == 0
