-- The ledger: who works on which job, and what became of it. Times are the database's.
CREATE TABLE jobs (
    job_id      text        PRIMARY KEY,
    thread_id   text        NOT NULL,
    digest      bytea       NOT NULL,                 -- tells two contents under one id apart
    status      text        NOT NULL CHECK (status IN
        ('queued', 'running', 'parked', 'interrupted', 'completed', 'failed', 'cancelled')),
    attempts    integer     NOT NULL DEFAULT 0,       -- counted before an attempt runs
    epoch       bigint      NOT NULL DEFAULT 0,       -- raised by every claim: a write of an older epoch is void
    lease_until timestamptz,                          -- set while a worker owns the job
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    duration_ms bigint,                               -- from the first attempt's begin to the outcome
    result      json,                                 -- json, not jsonb: a model may write a NUL character
    error       json
);

-- One job of a thread at a time: two runs on one thread lose each other's writes.
CREATE UNIQUE INDEX jobs_one_running_per_thread ON jobs (thread_id) WHERE status = 'running';
CREATE INDEX jobs_by_age ON jobs (created_at DESC, job_id);

-- Messages that a commit promised to publish, until the broker has them.
CREATE TABLE outbox (
    id           text        PRIMARY KEY,             -- the broker's Nats-Msg-Id: publishing twice is storing once
    job_id       text        REFERENCES jobs ON DELETE CASCADE,
    subject      text        NOT NULL,
    headers      json        NOT NULL,
    body         bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);

CREATE INDEX outbox_by_job ON outbox (job_id);
CREATE INDEX outbox_unpublished ON outbox (created_at) WHERE published_at IS NULL;
