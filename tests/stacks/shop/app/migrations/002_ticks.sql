-- What the scheduler did: one start, a tick each second, one stop.
CREATE TABLE IF NOT EXISTS ticks (
    tick bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('start', 'tick', 'stop')),
    container text NOT NULL,
    color text NOT NULL,
    release text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
