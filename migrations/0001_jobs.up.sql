-- The ledger: who works on which job, and what became of it. Times are the database's.
CREATE TABLE jobs (
    job_id      text        PRIMARY KEY,
    thread_id   text        NOT NULL,
    digest      bytea       NOT NULL,                 -- tells two contents under one id apart
    sequence    bigint,                               -- its place in the stream: the order within its thread
    status      text        NOT NULL CHECK (status IN
        ('queued', 'running', 'parked', 'interrupted', 'completed', 'failed', 'cancelled')),
    attempts    integer     NOT NULL DEFAULT 0,       -- counted before an attempt runs
    epoch       bigint      NOT NULL DEFAULT 0,       -- raised by every claim: a write of an older epoch is void
    lease_until timestamptz,                          -- set while a worker owns the job
    created_at  timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    duration_ms bigint,                               -- from the first attempt's begin to the outcome
    not_before  timestamptz,                          -- of a parked job: when it is due; without one, it waits for its thread
    cancelling  boolean     NOT NULL DEFAULT false,   -- somebody asked for its end while a worker had it
    answer      json,                                 -- a person's answer, and the interrupts that it is to
    wakes       integer     NOT NULL DEFAULT 0,       -- how often it was woken: each wake is a message of its own
    woken_at    timestamptz,                          -- when its message was last published, or was to be
    replay      bigint      NOT NULL DEFAULT 0,       -- of a failed job: the dead letter that it came back from
    result      json,                                 -- json, not jsonb: a model may write a NUL character; while
                                                      -- interrupted: what it asks
    error       json,
    subject     text,                                 -- the message that asked for the job, while the job waits here
    headers     json,
    body        bytea
);

-- One job of a thread at a time, from its first attempt to its end: two runs on one thread lose each other's writes.
CREATE UNIQUE INDEX jobs_one_begun_per_thread ON jobs (thread_id) WHERE started_at IS NOT NULL AND finished_at IS NULL;
CREATE INDEX jobs_unfinished_of_thread ON jobs (thread_id, sequence) WHERE finished_at IS NULL;
CREATE INDEX jobs_parked ON jobs (not_before) WHERE status = 'parked';
CREATE INDEX jobs_by_age ON jobs (created_at DESC, job_id DESC);
CREATE INDEX jobs_by_end ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_by_thread ON jobs (thread_id);
CREATE INDEX jobs_by_sequence ON jobs (sequence);

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
CREATE INDEX outbox_without_job ON outbox (published_at) WHERE job_id IS NULL;
