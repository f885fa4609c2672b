-- outside a transaction
-- Lists of an agent's jobs, and whether a definition is still one's.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_agent ON jobs (agent, created_at DESC, job_id DESC)
    WHERE agent IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_agent_by_status ON jobs (agent, status, created_at DESC, job_id DESC)
    WHERE agent IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_by_definition ON jobs (definition) WHERE definition IS NOT NULL;
