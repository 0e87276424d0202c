"""Where users reach a route, told from what the real ``caddy adapt`` makes of realistic Caddyfiles."""

import json
import os
import subprocess
from pathlib import Path
from typing import cast

import pytest

from proof.local import caddy_binary
from teal.adapters.caddy.sites import admin, bare, entries, unfit
from teal.core.tree import Node
from teal.ports import Entry
from tests.caddy.world import SNIPPET


def adapted(folder: Path, text: str) -> Node:
    """Return the configuration that Caddy makes of a Caddyfile that may import Teal's snippet."""
    file = folder / "Caddyfile"
    lines = text.splitlines(keepends=True)
    ends = next((n + 1 for n, line in enumerate(lines) if line == "}\n"), 0) if lines[0] == "{\n" else 0
    file.write_text("".join([*lines[:ends], f"import {SNIPPET}\n", *lines[ends:]]), encoding="utf-8")
    argv = [caddy_binary(), "adapt", "--config", str(file), "--adapter", "caddyfile"]
    ran = subprocess.run(argv, capture_output=True, check=True, env={**os.environ, "HOME": str(folder)})
    return cast(Node, json.loads(ran.stdout))


def at(route: str, port: int, listen: int, where: str, *, tls: bool) -> Entry:
    """Return an entry; *where* is host and path prefix in one."""
    host, slash, path = where.partition("/")
    return Entry(route, port, listen, tls=tls, host=host, path=slash + path)


def test_path_routes_of_one_site(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """example.com, www.example.com {
	encode zstd gzip
	handle_path /api/* {
		import teal api 8000 {
			header_up X-Real-IP {remote_host}
			flush_interval -1
		}
	}
	handle /ws* {
		import teal api 8000
	}
	handle {
		root * /srv
		import teal web 3000
	}
}
""",
    )
    assert set(entries(config)) == {
        at("api", 8000, 443, "example.com/api", tls=True),
        at("api", 8000, 443, "www.example.com/api", tls=True),
        at("api", 8000, 443, "example.com/ws", tls=True),
        at("api", 8000, 443, "www.example.com/ws", tls=True),
        at("web", 3000, 443, "example.com", tls=True),
        at("web", 3000, 443, "www.example.com", tls=True),
    }


def test_several_sites_and_what_they_speak(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """{
	admin off
}
http://:8080, https://localhost:8443 {
	import teal web 3000
}
http://plain.example.com {
	import teal web 3000
}
http://other.example.com:8081 {
	import teal web 3000
}
*.example.com {
	import teal web 3000
}
:9000 {
	import teal api 8000
}
https://:9443 {
	import teal api 8000
}
""",
    )
    assert set(entries(config)) == {
        at("web", 3000, 8080, "", tls=False),
        at("web", 3000, 8443, "localhost", tls=True),
        at("web", 3000, 80, "plain.example.com", tls=False),
        at("web", 3000, 8081, "other.example.com", tls=False),
        at("web", 3000, 443, "*.example.com", tls=True),
        at("api", 8000, 9000, "", tls=False),
        at("api", 8000, 9443, "", tls=True),
    }
    assert admin(config) == ""


def test_own_ports_for_http_and_https(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """{
	http_port 8080
	https_port 8443
	admin localhost:2020
}
example.com {
	import teal web 3000
}
http://example.com {
	import teal web 3000
}
""",
    )
    assert set(entries(config)) == {
        at("web", 3000, 8443, "example.com", tls=True),
        at("web", 3000, 8080, "example.com", tls=False),
    }
    assert admin(config) == "localhost:2020"


def test_automatic_https_off(tmp_path: Path) -> None:
    """A site that says no scheme still speaks TLS then: with certificates that somebody else brings."""
    config = adapted(
        tmp_path,
        """{
	auto_https off
}
example.com:8443 {
	import teal web 3000
}
http://example.com:8080 {
	import teal web 3000
}
""",
    )
    assert set(entries(config)) == {
        at("web", 3000, 8443, "example.com", tls=True),
        at("web", 3000, 8080, "example.com", tls=False),
    }


def test_a_path_that_is_stripped_on_the_way(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """:80 {
	handle_path /a/* {
		handle_path /b/* {
			import teal web 3000
		}
		handle /c/* {
			import teal api 8000
		}
	}
}
""",
    )
    assert entries(config) == (at("web", 3000, 80, "/a/b", tls=False), at("api", 8000, 80, "/a/c", tls=False))


def test_places_where_something_else_decides_are_left_out_unless_a_route_has_no_other(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """:80 {
	@posts method POST
	handle @posts {
		import teal web 3000
	}
	handle /exact {
		import teal web 3000
	}
	handle /admin/* {
		forward_auth auth:9091 {
			uri /verify
		}
		import teal web 3000
	}
	handle /locked/* {
		basic_auth {
			someone $2a$04$JK2w/JxxqSeQHfwjtRTHTuqcwDxP0/Nf3UbdXR5hH2w.gHh.Y7OF6
		}
		import teal api 8000
	}
	handle {
		import teal web 3000
	}
}
""",
    )
    assert entries(config) == (at("api", 8000, 80, "/locked", tls=False), at("web", 3000, 80, "", tls=False))


def test_named_routes_are_followed(tmp_path: Path) -> None:
    """Caddy keeps only the first directive of a named route, so the import stands in a ``handle`` there."""
    config = adapted(tmp_path, "&(app) {\n\thandle {\n\t\timport teal web 3000\n\t}\n}\n:80 {\n\tinvoke app\n}\n")
    assert entries(config) == (at("web", 3000, 80, "", tls=False),)


def test_what_bypasses_the_snippet(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """:80 {
	reverse_proxy /api/* api:8000 api2:8000
	reverse_proxy /here/* localhost:9000 127.0.0.1:9001
	reverse_proxy /dynamic/* {
		dynamic a crawler 8002
	}
	reverse_proxy /socket/* unix//run/app.sock
	import teal web 3000
}
""",
    )
    assert set(bare(config)) == {"api:8000", "api2:8000", "crawler:8002"}
    assert entries(config) == (at("web", 3000, 80, "", tls=False),)


def test_a_proxy_without_the_snippet(tmp_path: Path) -> None:
    config = adapted(tmp_path, ":80 {\n\treverse_proxy web:3000\n}\n")
    assert (entries(config), bare(config), admin(config)) == ((), ("web:3000",), "127.0.0.1:2019")


@pytest.mark.parametrize(
    "config", [{}, {"apps": None}, {"apps": {"http": {"servers": {"a": {"listen": 3, "routes": "x"}}}}}]
)
def test_a_configuration_of_any_shape_is_read_without_an_error(config: Node) -> None:
    assert (entries(config), bare(config)) == ((), ())


def test_routes_whose_health_caddy_judges(tmp_path: Path) -> None:
    config = adapted(
        tmp_path,
        """:80 {
	handle /a* {
		import teal web 3000 {
			fail_duration 10s
		}
	}
	handle /b* {
		import teal api 8000 {
			health_uri /healthz
		}
	}
	import teal rag 8001 {
		flush_interval -1
	}
}
""",
    )
    assert unfit(config) == ("web", "api")
