-- outside a transaction
-- A tenant's lists read what they tell, however many jobs others have; so do those of the jobs without one.
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_tenant ON jobs (coalesce(tenant, ''), created_at, job_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_tenant_by_status
    ON jobs (coalesce(tenant, ''), status, created_at, job_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_tenant_by_agent
    ON jobs (coalesce(tenant, ''), agent, created_at, job_id) WHERE agent IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS jobs_of_tenant_by_agent_and_status
    ON jobs (coalesce(tenant, ''), agent, status, created_at, job_id) WHERE agent IS NOT NULL;
