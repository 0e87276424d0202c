CREATE EXTENSION IF NOT EXISTS timescaledb;

CREATE TABLE reviews (
    key text PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL,
    stars integer NOT NULL DEFAULT 0,
    source text NOT NULL
);

CREATE TABLE visits (
    key text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL,
    stars integer NOT NULL DEFAULT 0,
    source text NOT NULL
);
SELECT create_hypertable('visits', 'at', chunk_time_interval => interval '1 day');
CREATE INDEX visits_by_key ON visits (key, at DESC);
