"""Whom a front calls, as its configuration says in its own grammar, and what it speaks with it."""

from __future__ import annotations

import pytest

from teal.core.services.passing import Address, calls_in, calls_of

UPSTREAMS = """
upstream app { server web:3000 weight=2; server more:3001; }
upstream php { server fpm:9000; }
# proxy_pass http://commented:1;
server {
  location / { proxy_pass http://app; }
  location ~ \\.php$ { fastcgi_pass php; }
  location /py { uwsgi_pass flask:3031; }
  location /set { set $to api:8000; proxy_pass http://$to; }
  location /env { proxy_pass http://${BACK}/x; }
  location /tls { proxy_pass https://inner; }
}
"""
HAPROXY = """
defaults
  mode http
backend web
  server one web:3000 check
backend more
  server-template n 3 ${API}:8000
listen raw
  mode tcp
  server pg pool:6432
"""
ENVOY = """
- endpoint:
    address:
      socket_address:
        address: app
        port_value: 7000
- {socket_address: {address: other, port_value: 7001}}
"""


def shown(text: str, software: str, variables: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(each.written, each.how) for each in calls_in(text, software, variables)]


def test_nginx_is_read_with_upstreams_variables_and_other_protocols() -> None:
    assert shown(UPSTREAMS, "nginx", {"BACK": "back:81"}) == [
        ("web:3000", "http"),
        ("more:3001", "http"),
        ("fpm:9000", "fastcgi"),
        ("flask:3031", "uwsgi"),
        ("api:8000", "http"),
        ("back:81", "http"),
        ("inner:443", "https"),
    ]


def test_a_target_may_be_put_together_from_variables_of_its_own_server() -> None:
    swag = "server {\n set $app shop;\n set $port 8080;\n set $proto http;\n proxy_pass $proto://$app:$port;\n}\n"
    assert shown(swag, "proxy manager") == [("shop:8080", "http")]
    both = swag + swag.replace("shop", "blog").replace("8080", "2368")
    assert shown(both, "nginx") == [("shop:8080", "http"), ("blog:2368", "http")]


def test_haproxy_is_read_with_its_modes_and_variables() -> None:
    wanted = [("web:3000", "http"), ("api:8000", "http"), ("pool:6432", "tcp")]
    assert shown(HAPROXY, "haproxy", {"API": "api"}) == wanted


def test_a_host_and_a_port_in_keys_of_their_own_are_one_address() -> None:
    assert shown(ENVOY, "envoy") == [("app:7000", "http"), ("other:7001", "http")]
    assert shown('backend default { .host = "web"; .port = "8000"; }', "varnish") == [("web:8000", "http")]
    assert shown("- name: x\n  host: users\n  port: 8001\n", "kong") == [("users:8001", "http")]


@pytest.mark.parametrize(
    ("line", "software", "wanted"),
    [
        ("ProxyPassMatch ^/(.*)$ fcgi://php:9000/var/www", "httpd", ("php:9000", "fastcgi")),
        ("\treverse_proxy {$UP:web:4000}", "caddy", ("web:4000", "http")),
        ("php_fastcgi php:9000", "caddy", ("php:9000", "fastcgi")),
        ('url = "http://web:4000"', "labels", ("web:4000", "http")),
        ("  service: http://web", "tunnel", ("web:80", "http")),
        ("service: ssh://box:22", "tunnel", ("box:22", "tcp")),
        ('targets: ["web:8000"]', "", ("web:8000", "http")),
    ],
)
def test_an_address_is_one_wherever_it_stands(line: str, software: str, wanted: tuple[str, str]) -> None:
    assert shown(line, software) == [wanted]


def test_lines_are_counted_and_words_of_a_command_read() -> None:
    assert calls_in("a\nb http://web:1\n")[0].line == 2
    assert calls_of(["http", "web:3000", "--domain=x.test", "image:1"]) == (Address("web:3000", "http", 2),)


def test_no_text_is_too_odd() -> None:
    for text in ("{" * 5000, "upstream " * 2000, "proxy_pass " + "$a" * 3000, "host: " * 4000, "://" * 3000):
        for software in ("nginx", "haproxy", "envoy", "caddy", ""):
            calls_in(text, software)
