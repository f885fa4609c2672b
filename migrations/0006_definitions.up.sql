-- What jobs run, kept once by digest: a job goes on with what it began with, whatever its agent's name means by then, and
-- a thread can be read after its jobs ended. No foreign key: every claim would lock the one row of an agent.
CREATE TABLE definitions (
    digest     text        PRIMARY KEY,             -- SHA-256 of its JSON with the keys sorted, in hex
    definition json        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz NOT NULL DEFAULT now()   -- when it was last seen to be used, within the hour
);

CREATE INDEX definitions_by_use ON definitions (used_at);

ALTER TABLE jobs
    ADD COLUMN agent      text,                     -- the name that the job asks by, once it was found
    ADD COLUMN definition text;                     -- the digest of what was found; of a graph of the image none
