"""What an image is that a Dockerfile makes: where it begins, what it exposes and runs."""

from __future__ import annotations

import pytest

from teal.core.services.dockerfile import made

STAGES = """
ARG BASE=nginx:1.27
FROM node:22 AS pages
RUN build
FROM ${BASE} AS base
EXPOSE 80 443/tcp 53/udp
ENV API=api:8000 OTHER="a b"
CMD ["nginx"]
FROM base
COPY --from=pages /dist /usr/share/nginx/html
COPY site.conf /etc/nginx/conf.d/default.conf
"""


def test_the_last_stage_counts_with_all_that_it_begins_from() -> None:
    found = made(STAGES)
    assert (found.image, found.exposed, found.words) == ("nginx:1.27", (80, 443), ("nginx",))
    assert [(each.source, each.target) for each in found.copied] == [("site.conf", "/etc/nginx/conf.d/default.conf")]
    assert found.gathered == ("/usr/share/nginx/html",)
    assert found.environment == {"API": "api:8000", "OTHER": "a b"}


def test_a_target_and_arguments_of_the_build_count() -> None:
    assert made(STAGES, "pages").image == "node:22"
    assert made(STAGES, "", {"BASE": "caddy:2"}).image == "caddy:2"


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("FROM golang AS b\nFROM scratch\nCOPY --from=b /x /x\n", ""),
        ("FROM --platform=$BUILDPLATFORM docker.io/redis:7\n", "docker.io/redis:7"),
        ("FROM $UNKNOWN\n", ""),
        ("FROM a AS a\n", "a"),
        ("", ""),
        ("FROM\n", ""),
        ("COPY a b\n", ""),
    ],
)
def test_where_it_begins(text: str, image: str) -> None:
    assert made(text).image == image
