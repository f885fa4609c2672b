DROP TABLE questions;
DROP INDEX jobs_answered;
DROP INDEX jobs_at_gate;
ALTER TABLE jobs
    DROP COLUMN earlier, DROP COLUMN steps, DROP COLUMN spared, DROP COLUMN fault_since, DROP COLUMN gate,
    DROP COLUMN answered;
