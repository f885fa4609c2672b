-- What a job may wait for without failing by it: people, and the world's faults. `attempts` stays the count of the step
-- that the job is at, which is what earlier images judge by.
ALTER TABLE jobs
    ADD COLUMN earlier     integer NOT NULL DEFAULT 0,      -- attempts of steps that are committed, and those that the world spoiled
    ADD COLUMN steps       integer NOT NULL DEFAULT 0,      -- steps that were committed when `attempts` began
    ADD COLUMN spared      text,                            -- why its last claim is no attempt of its step: answer, rollout, fault
    ADD COLUMN fault_since timestamptz,                     -- since when the world fails the step
    ADD COLUMN gate        text,                            -- the provider's gate at which the parked job waits
    ADD COLUMN answered    boolean NOT NULL DEFAULT false;  -- an answer came that no claim has taken yet

-- What a job asked people, and their answers; asked again, a question has its next turn.
CREATE TABLE questions (
    job_id      text        NOT NULL REFERENCES jobs ON DELETE CASCADE,
    id          text        NOT NULL,
    turn        integer     NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    answer      json,
    key         text,                                       -- the Idempotency-Key that the answer came with
    PRIMARY KEY (job_id, id, turn)
);

CREATE INDEX jobs_at_gate ON jobs (gate) WHERE status = 'parked' AND gate IS NOT NULL;
CREATE INDEX jobs_answered ON jobs (job_id) WHERE status = 'interrupted' AND answered;
