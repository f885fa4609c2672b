-- Whose a job is, of those who show a token; without one it belongs to the setting EXECUTOR_TENANT.
ALTER TABLE jobs ADD COLUMN tenant text;
