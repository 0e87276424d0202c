"""What Compose is given to see, and what its words mean."""

import pytest

from teal.adapters.compose.cli import culprits, read_version, told_why
from teal.adapters.process import Ended, clean
from teal.errors import BuildFailed, Unavailable


def test_rendered_files_see_only_what_docker_itself_needs():
    needed = {"PATH": "/bin", "HOME": "/root", "DOCKER_HOST": "unix:///x", "XDG_RUNTIME_DIR": "/r", "HTTPS_PROXY": "p"}
    steering = {"COMPOSE_FILE": "x", "COMPOSE_PROJECT_NAME": "x", "DB_PASSWORD": "x", "PWD": "/x", "MY_PATH": "x"}
    assert clean({**needed, **steering, "no_proxy": "n", "SSL_CERT_FILE": "c"}) == {
        **needed,
        "no_proxy": "n",
        "SSL_CERT_FILE": "c",
    }


@pytest.mark.parametrize(
    ("text", "version"),
    [("2.40.3-3", (2, 40, 3)), ("v2.24.0", (2, 24, 0)), ("5.1.0", (5, 1, 0)), ("warning: x\n2.40.3", (2, 40, 3))],
)
def test_the_version_is_read(text, version):
    assert read_version(text) == version


@pytest.mark.parametrize("text", ["2.23.3", "v2.5.0", "1.29.2", ""])
def test_an_old_compose_is_said(text):
    with pytest.raises(Unavailable, match="too old"):
        read_version(text)


@pytest.mark.parametrize(
    "words",
    [
        "docker: 'compose' is not a docker command.\nSee 'docker --help'",
        "docker: unknown command: docker compose\n\nRun 'docker --help' for more information",
        "unknown flag: --short\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help'",
        "unknown shorthand flag: 'p' in -p\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]",
    ],
)
def test_a_missing_plugin_is_known_by_dockers_words(words):
    error = told_why(BuildFailed("the build failed"), Ended(125, tuple(words.splitlines())))
    assert isinstance(error, Unavailable)
    assert "Compose plugin" in error.message


def test_composes_own_usage_is_no_missing_plugin():
    words = ("unknown flag: --x", "", "Usage:  docker compose up [OPTIONS] [SERVICE...]")
    error = told_why(BuildFailed("the build failed"), Ended(125, words))
    assert isinstance(error, BuildFailed)
    assert error.detail == "\n".join(word for word in words if word)


def test_silence_is_said():
    assert told_why(BuildFailed("x"), Ended(137, ())).detail == "it ended with status 137 and said nothing"


def test_what_is_known_of_a_failure_beats_the_general_hint():
    full = Ended(1, ("write /var/lib/docker/x: no space left on device",))
    assert "docker system df" in told_why(BuildFailed("x", hint="general"), full).hint
    assert told_why(BuildFailed("x", hint="general"), Ended(1, ("odd",))).hint == "general"


def test_a_failed_build_names_the_service_that_failed() -> None:
    words = "------\n > [rag 9/9] RUN exit 3:\n------\ntarget rag: failed to solve: process did not complete"
    assert culprits(words, ("platform", "rag")) == ("rag",)
    assert culprits("failed to solve: no such file", ("platform", "rag")) == ("platform", "rag")
