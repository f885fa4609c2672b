-- Makes the epoch part of a key, so that to raise it conflicts with the KEY SHARE lock which a checkpoint's commit holds
-- on its job. Renewing a lease and writing an outcome touch no key and wait for no checkpoint.
CREATE UNIQUE INDEX jobs_epoch_is_key ON jobs (job_id, epoch);
