-- outside a transaction
-- Lists and sweeps read what they tell or do, whatever else the tables hold.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_by_status ON jobs (status, created_at DESC, job_id DESC);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_thread ON jobs (thread_id, created_at DESC, job_id DESC);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_thread_by_status
    ON jobs (thread_id, status, created_at DESC, job_id DESC);

-- Who waits for its thread, and who is on the way to a worker.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_waiting ON jobs (thread_id, sequence)
    WHERE status = 'parked' AND not_before IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_coming ON jobs (thread_id)
    WHERE status = 'queued' AND sequence IS NOT NULL;

-- Whose message is perhaps lost: where the ledger has it, and where it has not.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_woken ON jobs (woken_at)
    WHERE status IN ('queued', 'running') AND body IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_in_stream ON jobs (sequence)
    WHERE status IN ('queued', 'running') AND body IS NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_stopped_at_gate ON jobs (gate, not_before)
    WHERE status = 'parked' AND gate IS NOT NULL;
