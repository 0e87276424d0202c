"""What is printed: no known secret in any form, nothing that a terminal would obey; ordinary words stay readable."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.cli.redaction import Redactor, escape_control, is_secret, message
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Role, Service, Stack


def stack(**model: object) -> Stack:
    services = (Service("postgres", Assigned(Role.SHARED, "a store"), image="postgres:17"),)
    return Stack("shop", "/srv/shop", (), {Side.PLAIN: dict(model)}, services, "")


def learnt(**model: object) -> Redactor:
    redact = Redactor({})
    redact.learn(stack(**model))
    return redact


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "POSTGRES_PASSWORD",
        "api_key",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "SENTRY_DSN",
        "PGPASS",
        "SIGNING_KEY",
        "JWT",
        "STRIPE_WEBHOOK",
        "SMTP_PASS",
        "private-key",
        "ENCRYPTION_SALT",
        "MYSQL_PWD",
        "AUTHORIZATION",
        "BASIC_AUTH",
    ],
)
def test_a_name_that_says_secret_is_one(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["GREETING", "KEYBOARD", "MONKEY", "PORT", "BOOT_SECONDS", "HOSTNAME", "PINNED", "AUTHOR"]
)
def test_a_harmless_name_is_none(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    "said",
    [
        "token=s3cr3t-$/+é",
        '{"token": "s3cr3t-$/+\\u00e9"}',
        "https://x?t=s3cr3t-%24%2F%2B%C3%A9",
        "environment: s3cr3t-$$/+é",
    ],
)
def test_a_secret_is_masked_in_whatever_form_it_is_written(said: str) -> None:
    redact = learnt(services={"web": {"environment": {"API_TOKEN": "s3cr3t-$$/+é"}}})
    assert "s3cr3t" not in redact(said)
    assert "***" in redact(said)


def test_build_arguments_secrets_and_their_lines_are_masked(tmp_path) -> None:
    (tmp_path / "key").write_text("first-line\nsecond-line\n")
    redact = learnt(
        services={"web": {"build": {"args": {"NPM_TOKEN": "npm-token"}}}},
        secrets={"a": {"file": str(tmp_path / "key")}, "b": {"content": "by-value"}, "c": {"file": "/nowhere"}},
    )
    said = redact("npm-token, second-line of first-line, by-value")
    assert said == "***, *** of ***, ***"


def test_passwords_in_addresses_are_masked_unlearnt() -> None:
    assert Redactor({})("postgresql://app:hunter2@db/x?y=1") == "postgresql://app:***@db/x?y=1"
    assert Redactor({})("http://web:3000/a and b@c") == "http://web:3000/a and b@c"


def test_short_values_names_of_the_stack_and_paths_stay_readable() -> None:
    values = {"A_PASSWORD": "app", "B_PASSWORD": "postgres", "C_SECRET_FILE": "/run/secrets/c"}
    redact = learnt(services={"web": {"environment": values}})
    assert redact("app asks postgres for /run/secrets/c") == "app asks postgres for /run/secrets/c"


def test_a_secret_is_not_blotted_out_of_the_names_and_paths_of_the_stack() -> None:
    said = (
        "orders-export-blue mounts shop_orders-out (data/orders/files, /srv/orders-out) of shop/orders-app:1, reorders"
    )
    redact = Redactor({})
    known = stack(
        services={
            "orders-export": {
                "environment": {"METRICS_PASSWORD": "orders"},
                "volumes": [
                    {"source": "orders-out", "target": "/srv/orders-out"},
                    {"source": "/srv/shop/data/orders/files", "target": "/x"},
                ],
            }
        },
        volumes={"orders-out": {"name": "shop_orders-out"}},
    )
    export = Service("orders-export", Assigned(Role.WORKER, ""), image="shop/orders-app:1")
    redact.learn(replace(known, services=(*known.services, export)))
    assert redact(said) == said
    assert (
        redact("login with orders, orders! pw=orders; the orders-table") == "login with ***, ***! pw=***; the ***-table"
    )


@pytest.mark.parametrize(
    "said", [r'"a\norders"', "x%3Dorders", "\x1b[31morders\x1b[0m", r"\u001b[1morders", "key_orders"]
)
def test_a_secret_that_is_a_word_is_masked_behind_what_escapes_it(said: str) -> None:
    redact = learnt(services={"web": {"environment": {"PASSWORD": "orders"}}})
    assert "orders" not in redact(said)


def test_a_secret_that_is_no_word_is_masked_within_longer_ones() -> None:
    redact = learnt(services={"web": {"environment": {"TOKEN": "a81kd02jf7"}}})
    assert redact("xa81kd02jf7x") == "x***x"


def test_the_environment_of_the_command_is_known_from_the_start() -> None:
    assert Redactor({"DOCKER_PASSWORD": "hunter2"})("login with hunter2") == "login with ***"


def test_what_a_terminal_obeys_is_spelt_out_and_colors_stay() -> None:
    assert escape_control("\x1b[31mred\x1b[0m\x1b[2J\x07\n\ttab") == "\x1b[31mred\x1b[0m\\x1b[2J\\x07\n\ttab"
    assert escape_control("\u202egnp.exe") == "\\u202egnp.exe"
    assert len(message("x" * 65536)) == 1000
