-- One row each time a worker takes up a job: a job done twice has two rows that bear a finish.
CREATE TABLE IF NOT EXISTS job_runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    color text NOT NULL,
    release text NOT NULL,
    container text NOT NULL,
    begun timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished timestamptz,
    total_cents bigint
);

CREATE INDEX IF NOT EXISTS job_runs_by_job ON job_runs (job);
