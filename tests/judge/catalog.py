"""What the database of ``world.sql`` says of itself; a test holds it to the real one."""

from teal.core.judge import Catalog, Column, Index, Need, Signature, Trigger

LARGE = 100_000
_TEXT, _INT = Column("text"), Column("integer")
_ID = Column("integer", nullable=False)
_LOG_VISIT = """
BEGIN
    NEW.page := tidy(NEW.page);
    SELECT p.city INTO NEW.place FROM places p WHERE p.id = nextval('visit_numbers');
    INSERT INTO visit_log (visit, page) VALUES (NEW.id, NEW.page);
    RETURN NEW;
END """

WORLD = Catalog(
    asked=True,
    hypertables=frozenset({"metrics", "readings"}),
    compressed=frozenset({"readings"}),
    partitioned=frozenset({"events"}),
    aggregates=frozenset({"readings_daily"}),
    columns={
        "products": {"id": _ID, "name": Column("text", nullable=False)},
        "reviews": {
            "id": Column("bigint", nullable=False, default="identity"),
            "product_id": Column("integer", nullable=False),
            "author": Column("text", nullable=False),
            "legacy": Column("text", nullable=False),
            "nick": _TEXT,
            "stars": _INT,
            "code": Column("character varying(20)"),
            "price": Column("numeric(8,2)"),
            "status": Column("text", default="'new'::text"),
            "body": _TEXT,
            "created_at": Column("timestamp with time zone", default="now()"),
        },
        "plain_list": {"number": _INT, "name": _TEXT},
        "codes": {"number": _ID, "code": _TEXT},
        "desks": {"id": _ID, "desk": Column("text", nullable=False), "closed_at": Column("timestamp with time zone")},
        "drafts": {"id": _ID, "text": _TEXT},
        "notes": {"id": _ID, "text": _TEXT},
        "visits": {"id": _ID, "page": _TEXT, "place": _TEXT},
        "visit_log": {"visit": _INT, "page": _TEXT},
        "places": {"id": _INT, "city": _TEXT},
        "tags": {"id": _ID, "name": _TEXT, "feeling": Column("mood")},
        "metrics": {
            "time": Column("timestamp with time zone", nullable=False),
            "device": _ID,
            "value": Column("double precision"),
            "note": _TEXT,
            "old_note": _TEXT,
        },
        "readings": {  # with a columnstore, which Debian's TimescaleDB lacks: known here, not in world.sql
            "time": Column("timestamp with time zone", nullable=False),
            "device": _ID,
            "value": Column("double precision"),
            "note": _TEXT,
        },
        "events": {"id": Column("bigint"), "at": Column("date", nullable=False), "what": _TEXT},
        "events_2026": {"id": Column("bigint"), "at": Column("date", nullable=False), "what": _TEXT},
        "filled": {"id": Column("bigint"), "at": Column("date", nullable=False), "what": _TEXT},
    },
    triggers={"visits": (Trigger("log_visit", "log_visit", _LOG_VISIT, update=False),)},
    bodies={"tidy": ("SELECT lower(page)",), "log_visit": (_LOG_VISIT,)},
    columnstore_keys={"readings": frozenset({"time", "device"})},
    keys={
        "products": frozenset({"id"}),
        "reviews": frozenset({"id"}),
        "desks": frozenset({"id"}),
        "drafts": frozenset({"id"}),
        "notes": frozenset({"id"}),
        "tags": frozenset({"id", "name"}),
        "visits": frozenset({"id"}),
    },
    rows={"products": 100, "tags": 50, "desks": 0, "drafts": 50, "notes": 50, "readings": LARGE}
    | dict.fromkeys(("visits", "visit_log", "places"), 0)
    | dict.fromkeys(("reviews", "plain_list", "codes", "metrics", "events", "events_2026", "filled"), LARGE),
    domains={"nonempty": True, "word": False},
    functions={
        "review_score": "immutable",
        "old_score": "immutable",
        "dice": "volatile",
        "tidy": "immutable",
        "log_visit": "volatile",
    },
    signatures={"review_score": (Signature(("int4",)),), "old_score": (Signature(("int4",)),), "dice": (Signature(),)},
    labels={"mood": frozenset({"good", "bad"})},
    indexes={
        "reviews_author_idx": Index("reviews", ("author",), frozenset({"author"})),
        "reviews_nick_idx": Index("reviews", ("nick",), frozenset({"nick"})),
        "metrics_old_idx": Index("metrics", ("old_note", "time"), frozenset({"old_note", "time"})),
        "one_open": Index("desks", ("desk",), frozenset({"desk", "closed_at"}), unique=True, whole=False),
        "review_stats_key": Index("review_stats", ("product_id",), frozenset({"product_id"}), unique=True),
    },
    roles=frozenset({"shop"}),
    partition_keys={"events": frozenset({"at"}), "metrics": frozenset({"time"}), "readings": frozenset({"time"})},
    needs=(Need("column", "drafts.id", "view", "old_list"), Need("column", "drafts.text", "view", "old_list")),
    checks={"plain_list": {"plain_check": "(number >= 0)"}},
    views=frozenset({"review_list", "old_list", "review_stats"}),
    viewed=dict.fromkeys(("reviews.id", "reviews.author", "reviews.stars"), frozenset({"review_list"}))
    | dict.fromkeys(("drafts.id", "drafts.text"), frozenset({"old_list"}))
    | {"reviews.product_id": frozenset({"review_stats"})}
    | {"readings.value": frozenset({"_timescaledb_internal._partial_view_3"})},
)
