-- What one process does for all, and until when it is that process's to do.
CREATE TABLE sweeps (
    name  text        PRIMARY KEY,
    until timestamptz NOT NULL,
    place text        NOT NULL DEFAULT ''   -- of a sweep that goes round: where the next goes on
);
