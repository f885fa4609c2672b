DROP INDEX jobs_of_tenant, jobs_of_tenant_by_status;
