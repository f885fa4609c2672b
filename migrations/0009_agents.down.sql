DROP INDEX jobs_of_agent, jobs_of_agent_by_status, jobs_by_definition;
