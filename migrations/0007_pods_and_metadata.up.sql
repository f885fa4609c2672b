-- What whoever asked for a job noted about it, and the pods that are alive, with what they know of a job's data: over
-- HTTP a field is taken only while all of them know it.
ALTER TABLE jobs ADD COLUMN metadata jsonb;

CREATE TABLE pods (
    pod      text        PRIMARY KEY,
    version  text        NOT NULL,
    features text[]      NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT now()
);
