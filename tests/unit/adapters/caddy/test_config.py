"""Where users reach a route, told from what the real ``caddy adapt`` makes of realistic Caddyfiles."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from teal.adapters.caddy.config import admin, asset_routes, entries, metrics, mixed, routes, snippet_version, unfit
from teal.adapters.caddy.dials import dials
from teal.core.model.compose import Node
from teal.ports import Endpoint
from tests.unit.adapters.caddy.adapted import adapted


def at(route: str, port: int, listen: int, where: str, *, tls: bool) -> Endpoint:
    """Return an entry; *where* is host and path prefix in one."""
    host, slash, path = where.partition("/")
    return Endpoint(route, port, listen, tls=tls, host=host, path=slash + path)


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
    locked = replace(at("api", 8000, 80, "/locked", tls=False), guarded=True)
    assert entries(config) == (locked, at("web", 3000, 80, "", tls=False))


@pytest.mark.parametrize(("pattern", "path"), [("/exact", "/exact"), ("*.php", "/teal.php"), ("/a/*/b", "/a/teal/b")])
def test_of_a_pattern_that_is_no_prefix_one_path_is_taken(tmp_path: Path, pattern: str, path: str) -> None:
    config = adapted(tmp_path, f":80 {{\n\t@x path {pattern}\n\thandle @x {{\n\t\timport teal web 3000\n\t}}\n}}\n")
    assert entries(config) == (replace(at("web", 3000, 80, path, tls=False), exact=True),)


def test_a_place_that_another_service_is_asked_about_first_is_told_apart(tmp_path: Path) -> None:
    config = adapted(tmp_path, ":80 {\n\tforward_auth auth:9091 {\n\t\turi /v\n\t}\n\timport teal web 3000\n}\n")
    assert entries(config) == (replace(at("web", 3000, 80, "", tls=False), guarded=True),)


def test_each_import_is_known_whatever_its_spelling_and_wherever_it_stands(tmp_path: Path) -> None:
    """Arguments of a snippet, quotes, an environment variable, an error page, a login's own answer."""
    config = adapted(
        tmp_path,
        """(app) {
	import teal {args[0]} {args[1]}
}
:80 {
	handle /api/* {
		import app api 8000
	}
	handle /quoted/* {
		import teal "rag" `8001`
	}
	handle /named/* {
		import teal {$TEAL_TEST_NAME:web} 3000
	}
	@posts method POST
	handle @posts {
		import teal poster 8002
	}
	handle_errors {
		import teal pages 8080
	}
}
""",
    )
    found = {("api", 8000), ("rag", 8001), ("web", 3000), ("poster", 8002), ("pages", 8080)}
    assert set(routes(config)) == found
    assert {endpoint.route for endpoint in entries(config)} == {"api", "rag", "web", "poster"}


def test_named_routes_are_followed(tmp_path: Path) -> None:
    """Caddy keeps only the first directive of a named route, so the import stands in a ``handle`` there."""
    config = adapted(tmp_path, "&(app) {\n\thandle {\n\t\timport teal web 3000\n\t}\n}\n:80 {\n\tinvoke app\n}\n")
    assert entries(config) == (at("web", 3000, 80, "", tls=False),)


@pytest.mark.parametrize(
    "config", [{}, {"apps": None}, {"apps": {"http": {"servers": {"a": {"listen": 3, "routes": "x"}}}}}]
)
def test_a_configuration_of_any_shape_is_read_without_an_error(config: Node) -> None:
    assert (entries(config), routes(config), dials(config, {})) == ((), (), ())


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


def test_the_version_of_the_snippet_its_counters_and_its_files_are_read_of_the_configuration(tmp_path: Path) -> None:
    config = adapted(tmp_path, ":80 {\n\timport teal web 3000 {\n\t\timport teal_assets web\n\t}\n}\n")
    assert (snippet_version(config), metrics(config), asset_routes(config)) == (2, False, frozenset({"web"}))
    assert mixed(config) == ()
    assert entries(config) == (at("web", 3000, 80, "", tls=False),)
    assert snippet_version({}) == 1


def test_a_site_without_a_host_whose_directive_the_counters_go_by_is_found(tmp_path: Path) -> None:
    named = "example.com {\n\trequest_body {\n\t\tmax_size 1MB\n\t}\n\timport teal web 3000\n}\n"
    assert mixed(adapted(tmp_path, named)) == ()
    bare = ":80 {\n\trequest_body {\n\t\tmax_size 1MB\n\t}\n\timport teal web 3000\n}\n"
    assert mixed(adapted(tmp_path, bare)) == ("request_body",)
