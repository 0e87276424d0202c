"""What two releases at once would do to a mount: the kinds, each with what beats it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from teal.core.model.mounts import Mount, Seen, Verdict
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Role, Tree
from teal.core.services.mounts import Look, judge_mounts, kept_by_data, one_shots_of_one_writer
from tests.unit.stacks import stack_of

SAFE, CONFIGURATION, SOURCE, UNSAFE, ASK = Verdict
HERE = "/srv/shop"
DATABASE = {"DATABASE_URL": "postgres://db/shop"}


def folder(*names: str, whole: bool = True) -> Seen:
    return Seen("folder", names, (), whole)


def mount(where: str, environment: Mapping[str, str] = DATABASE, **service: object) -> Tree:
    """Return a service with the mount *where*, in Compose's short form."""
    source, _, target = where.rpartition(":")
    kind = "bind" if source.startswith("/") else "volume"
    volume: Tree = {"type": kind, "target": target, **({"source": source} if source else {})}
    return {"image": "shop", "environment": dict(environment), "volumes": [volume], **service}


def verdict(web: Tree, seen: Seen | None = None, look: Look | None = None, **beside: Tree) -> Mount:
    """Return what is said of the mount of *web*."""
    services: Tree = {"web": web, **beside}
    roles = {name: Assigned(Role.ROUTE if name == "web" else Role.WORKER, "") for name in services}
    place = str(web["volumes"][0].get("source", ""))  # type: ignore[index]
    look = look or Look(HERE, seen={place: seen} if seen else {})
    return next(each for each in judge_mounts({"services": services}, roles, look) if each.service == "web")


@pytest.mark.parametrize(
    ("where", "right"),
    [
        ("uploads:/app/uploads", SAFE),
        ("prod_media:/app/shop/media", SAFE),
        ("logs:/var/log/shop", SAFE),
        ("hf:/root/.cache/huggingface", SAFE),
        ("pics:/srv/photos", SAFE),
        ("uploads:/data", SAFE),
        ("media-server:/srv/media-server", ASK),
        ("catalog:/srv/catalog", ASK),
        ("adbook:/srv/handbook", ASK),
        ("things:/data", ASK),
        ("media-index:/srv/media-index", UNSAFE),
        ("sqlite:/app/sqlite", UNSAFE),
        ("repos:/srv/git", UNSAFE),
        ("upload-queue:/srv/upload-queue", UNSAFE),
        ("rocks:/srv/rocksdb", UNSAFE),
        ("modules:/app/node_modules", UNSAFE),
        ("code:/usr/src/app", UNSAFE),
        ("dist:/srv/dist", ASK),
        (":/app/node_modules", SAFE),
        (":/data", ASK),
        ("/srv/shop/state/web/media:/srv/media", SAFE),
        ("/dev/snd:/dev/snd", SAFE),
        ("/run/app.sock:/app.sock", SAFE),
    ],
)
def test_a_name_tells(where: str, right: Verdict) -> None:
    assert verdict(mount(where)).verdict is right


@pytest.mark.parametrize(
    "where", ["store:/app/storage", "things:/data", "n8n_storage:/home/node/.n8n", "vw-files:/data"]
)
def test_without_a_database_server_the_data_lie_in_what_nothing_else_explains(where: str) -> None:
    assert verdict(mount(where, {})).verdict is UNSAFE
    assert verdict(mount("uploads:/app/uploads", {})).verdict is SAFE


def test_a_database_elsewhere_counts_and_an_embedded_one_beside_it_does_not() -> None:
    assert verdict(mount("store:/app/storage")).verdict is SAFE
    assert verdict(mount("store:/app/storage", DATABASE | {"DB_TYPE": "sqlite"})).verdict is UNSAFE


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"DB_FILE": "/srv/media/app.db"}, ()),
        ({"URL": "sqlite:////srv/media/a/app.sqlite3"}, ()),
        (DATABASE, ("serve", "--db=/srv/media/app.db")),
    ],
)
def test_a_database_file_named_in_it_beats_its_name(environment: dict[str, str], words: tuple[str, ...]) -> None:
    found = verdict(mount("media:/srv/media", environment, command=list(words)))
    assert (found.verdict, found.proven) == (UNSAFE, True)


@pytest.mark.parametrize(
    "name",
    ["app.db", "app.db-wal", "a/b/app.sqlite3", "data.mdb", "segments_4", "LOCK", ".git/", "postmaster.pid", "ibdata1"],
)
def test_what_lies_on_the_disk_beats_every_name(name: str) -> None:
    found = verdict(mount("/srv/shop/uploads:/srv/uploads"), folder("a.jpg", name))
    assert (found.verdict, found.proven) == (UNSAFE, True)
    assert name.rstrip("/") in found.reason


@pytest.mark.parametrize("name", ["Thumbs.db", "handbook.db.pdf", "mylock", "geoip.mmdb"])
def test_what_only_looks_like_a_database_is_none(name: str) -> None:
    assert verdict(mount("/srv/shop/uploads:/srv/uploads"), folder("a.jpg", name)).verdict is SAFE


def test_a_file_that_begins_as_sqlite_does_is_a_database_whatever_it_is_called() -> None:
    seen = Seen("folder", ("store", "readme.txt"), ("store",), whole=True)
    assert verdict(mount("/srv/shop/files:/srv/files"), seen).reason == "store lies in it"
    assert verdict(mount("/srv/shop/x.yml:/app/x.yml"), Seen("file", databases=("x.yml",))).verdict is UNSAFE


@pytest.mark.parametrize(
    ("where", "seen", "right"),
    [
        ("/srv/shop/app.toml:/app/app.toml", Seen("file"), CONFIGURATION),
        ("/srv/shop/database.yml:/app/config/database.yml", Seen("file"), CONFIGURATION),
        ("/srv/shop/index.html:/srv/index.html", Seen("file"), CONFIGURATION),
        ("/srv/shop/db.json:/app/db.json", Seen("file"), UNSAFE),
        ("/srv/shop/app.log:/var/log/app.log", Seen("file"), SAFE),
        ("/srv/shop/acme.json:/acme.json", Seen("file"), SAFE),
        ("/srv/shop/later.yml:/app/later.yml", Seen(), ASK),
        ("/srv/shop/conf:/etc/app", folder("a.ini"), CONFIGURATION),
        ("/srv/shop/config:/app/config", folder("a.yml"), CONFIGURATION),
        ("/srv/shop/config:/app/config", folder("a.yml", "blob.bin"), ASK),
        ("/srv/shop/config:/app/config", folder(), ASK),
        ("/srv/shop/templates:/app/templates", folder("a.html"), CONFIGURATION),
        ("/srv/shop/letsencrypt:/etc/letsencrypt", folder("a.pem"), SAFE),
        ("/etc/timezone:/etc/timezone", Seen("file"), SAFE),
    ],
)
def test_configuration_is_a_file_or_a_folder_of_settings(where: str, seen: Seen, right: Verdict) -> None:
    assert verdict(mount(where), seen).verdict is right


def test_without_a_database_server_a_folder_called_config_holds_the_data() -> None:
    assert verdict(mount("/srv/shop/config:/config", {}), folder("a.yml")).verdict is UNSAFE


@pytest.mark.parametrize(
    ("seen", "right"),
    [
        (folder("2026/", "2026/a.jpg"), SAFE),
        (folder("a.pdf", "b.docx"), SAFE),
        (folder("a.jpg", whole=False), ASK),
        (folder("a.jpg", "b.bin"), ASK),
        (folder(), SAFE),
        (folder(".gitkeep"), SAFE),
        (Seen(), ASK),
    ],
)
def test_a_look_at_the_disk_is_evidence_where_nothing_speaks_against(seen: Seen, right: Verdict) -> None:
    assert verdict(mount("/srv/shop/drop:/srv/drop"), seen).verdict is right


def test_an_empty_folder_is_no_evidence_where_the_first_start_fills_it() -> None:
    assert verdict(mount("/srv/shop/drop:/srv/drop", {}), folder()).verdict is UNSAFE
    assert verdict(mount("/srv/shop/data:/data"), folder()).verdict is ASK


def test_the_project_and_what_is_built_from_are_source() -> None:
    build = {"context": "/srv/shop/web"}
    assert verdict(mount("/srv/shop:/var/www", build={"context": HERE})).verdict is SOURCE
    assert verdict(mount("/srv/shop/web:/code", build=build)).verdict is SOURCE
    assert verdict(mount("/srv/shop/web/src:/code/src", build=build)).verdict is SOURCE
    assert verdict(mount("/srv/shop/uploads:/code/uploads", build=build)).verdict is SAFE


def test_a_product_that_lies_in_its_volume_is_one_writers() -> None:
    assert verdict(mount("wp:/var/www/html", image="wordpress:6")).verdict is UNSAFE
    assert verdict(mount("up:/var/www/html/wp-content/uploads", image="wordpress:6")).verdict is SAFE


def test_two_that_write_already_make_it_safe_unless_its_name_or_the_disk_speaks_against() -> None:
    def beside(where: str, environment: Mapping[str, str] = DATABASE) -> Verdict:
        return verdict(mount(where, environment), None, None, worker=mount(where, environment)).verdict

    assert beside("things:/data") is SAFE
    assert beside("idx:/app/index") is UNSAFE
    assert beside("things:/data", {}) is UNSAFE
    assert verdict(mount("things:/data", deploy={"replicas": 3})).verdict is SAFE


def test_what_a_store_keeps_its_data_in_is_one_writers() -> None:
    services: Tree = {"web": mount("pg:/srv/media"), "db": mount("pg:/var/lib/postgresql/data", image="postgres:16")}
    roles = {"web": Assigned(Role.ROUTE, ""), "db": Assigned(Role.SHARED, "")}
    (found,) = judge_mounts({"services": services}, roles, Look(HERE))
    assert (found.verdict, found.reason) == (UNSAFE, "it holds the data of db")


def test_what_the_owner_declares_is_safe() -> None:
    found = verdict(mount("index:/data"), None, Look(HERE, safe=frozenset({("web", "/data")})))
    assert (found.verdict, found.declared) == (SAFE, True)


def test_colors_whose_overlays_give_each_its_own_share_nothing() -> None:
    roles = {"web": Assigned(Role.ROUTE, "")}
    blue, green = ({"services": {"web": mount(f"index-{side}:/data")}} for side in ("blue", "green"))
    (found,) = judge_mounts(blue, roles, Look(HERE), green)
    assert found.verdict is SAFE


def test_one_writers_data_make_a_service_shared_while_another_route_is_left() -> None:
    def kept(services: Tree, declared: tuple[str, ...] = ()) -> Mapping[str, str]:
        roles = {n: Assigned(Role.WORKER if n.startswith("work") else Role.ROUTE, "") for n in services}
        model: Tree = {"services": services}
        return kept_by_data(judge_mounts(model, roles, Look(HERE)), model, roles, declared)

    search = mount("index:/index", image="search")
    assert kept({"web": mount("uploads:/uploads"), "search": search}) == {
        "search": "one writer's data in /index: its name says index"
    }
    assert kept({"search": search}) == {}
    assert kept({"search": search, "work": mount("uploads:/uploads")}) == {}
    assert kept({"web": mount("uploads:/uploads"), "search": search}, ("search",)) == {}
    half = mount("index:/index")  # the image of web: it would stay behind
    assert kept({"web": mount("uploads:/uploads"), "work": half}) == {}


def test_a_one_shot_that_writes_one_writers_data_runs_while_nothing_else_does() -> None:
    services: Tree = {
        "web": mount("index:/index", {}),
        "migrate": mount("index:/index", {}),
        "seed": mount("uploads:/uploads", {}),
    }
    assert one_shots_of_one_writer(stack_of(services)) == {"migrate"}
    assert stack_of(services).models[Side.BLUE]


def test_pictures_in_a_home_without_a_server_are_no_evidence() -> None:
    assert verdict(mount("/srv/shop/kuma:/app/data", {}), folder("a.png")).verdict is UNSAFE
    assert verdict(mount("/srv/shop/gallery:/srv/gallery", {}), folder("a.png")).verdict is SAFE


@pytest.mark.parametrize(
    ("name", "right"),
    [("celerybeat-schedule", ASK), ("users.json", ASK), ("Caddyfile", CONFIGURATION), (".htpasswd", CONFIGURATION)],
)
def test_a_file_that_a_program_may_write_is_asked_about(name: str, right: Verdict) -> None:
    assert verdict(mount(f"/srv/shop/{name}:/app/{name}"), Seen("file")).verdict is right


@pytest.mark.parametrize(
    ("name", "right"), [("SQLITE_DIR", UNSAFE), ("DB_PATH", UNSAFE), ("DB_BACKUP_DIR", SAFE), ("UPLOAD_DIR", SAFE)]
)
def test_a_variable_that_places_a_database_beats_the_name(name: str, right: Verdict) -> None:
    assert verdict(mount("files:/srv/files", DATABASE | {name: "/srv/files/a"})).verdict is right
