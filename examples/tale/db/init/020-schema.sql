-- Run once, on an empty volume. Later changes are migrations: two releases share this schema.

-- crawler writes, search reads
CREATE TABLE pages (
    url text PRIMARY KEY,
    title text NOT NULL,
    body text NOT NULL,
    fetched timestamptz NOT NULL DEFAULT now(),
    words_index tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'B')
    ) STORED
);
CREATE INDEX pages_words ON pages USING gin (words_index);

CREATE TABLE crawl_rounds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    begun timestamptz NOT NULL,
    ended timestamptz NOT NULL DEFAULT now(),
    pages integer NOT NULL,
    color text NOT NULL,
    release text NOT NULL
);

-- rag: passages of the pages and their embeddings
CREATE TABLE passages (
    url text NOT NULL,
    place integer NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    embedding vector(256) NOT NULL,
    PRIMARY KEY (url, place)
);
CREATE INDEX passages_embedding ON passages USING hnsw (embedding vector_cosine_ops);

-- graph-db
CREATE TABLE nodes (
    id text PRIMARY KEY,
    label text NOT NULL
);
CREATE TABLE edges (
    source text NOT NULL REFERENCES nodes ON DELETE CASCADE,
    target text NOT NULL REFERENCES nodes ON DELETE CASCADE,
    PRIMARY KEY (source, target)
);
CREATE INDEX edges_target ON edges (target);

-- platform: what it was asked, by whom it was answered
CREATE TABLE request_metrics (
    time timestamptz NOT NULL,
    path text NOT NULL,
    status smallint NOT NULL,
    milliseconds real NOT NULL,
    color text NOT NULL,
    release text NOT NULL
);
SELECT create_hypertable('request_metrics', 'time', chunk_time_interval => interval '1 day');
