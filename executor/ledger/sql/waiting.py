"""The statements of what waits in the ledger, and of the order in which jobs of a thread come."""

from executor.ledger.sql.fragments import (
    ANEW,
    BEFORE_ON_THREAD,
    BEGUN_ON_THREAD,
    FOREIGN,
    OF_ASKED,
    OURS,
    REPLAYED,
    RESOLVED,
)

# Nobody parks a job that has begun: it holds its thread, and would wait for itself.
PARK = f"""
INSERT INTO jobs AS job (job_id, thread_id, digest, sequence, replay, status, not_before, subject, headers, body,
                         agent, definition, metadata)
SELECT job_id, thread_id, digest, sequence, replay, 'parked', not_before, subject, headers::json, body,
       agent, definition, metadata::jsonb
FROM unnest(%(job_ids)s::text[], %(thread_ids)s::text[], %(digests)s::bytea[], %(sequences)s::int8[],
            %(replays)s::int8[], %(not_befores)s::timestamptz[], %(subjects)s::text[], %(heads)s::text[],
            %(bodies)s::bytea[], %(agents)s::text[], %(definitions)s::text[],
            %(metadatas)s::text[])
     AS asked (job_id, thread_id, digest, sequence, replay, not_before, subject, headers, body, agent, definition,
               metadata)
WHERE NOT {FOREIGN.format(**OF_ASKED, tenant=OURS)}
ORDER BY job_id
ON CONFLICT (job_id) DO UPDATE
SET status = 'parked', not_before = excluded.not_before, subject = excluded.subject, headers = excluded.headers,
    body = excluded.body, attempts = CASE WHEN job.finished_at IS NULL THEN job.attempts ELSE 0 END,
    started_at = CASE WHEN job.finished_at IS NULL THEN job.started_at END, finished_at = NULL, error = NULL, {ANEW},
    {RESOLVED}
WHERE job.digest = excluded.digest
  AND ((job.status IN ('queued', 'parked') AND job.started_at IS NULL) OR ({REPLAYED}))
RETURNING job_id, thread_id, sequence, not_before IS NULL AS for_thread
"""

# Waits for whoever is just ending one of them, and then does not find it any more.
STILL_BLOCKED = f"""
WITH blockers AS MATERIALIZED (
    SELECT asked.job_id AS blocked, one.job_id
    FROM unnest(%(job_ids)s::text[], %(thread_ids)s::text[], %(sequences)s::int8[])
         AS asked (job_id, thread_id, sequence), LATERAL (
        ({BEGUN_ON_THREAD.format(**OF_ASKED)} LIMIT 1)
        UNION ALL ({BEFORE_ON_THREAD.format(**OF_ASKED)} LIMIT 1) LIMIT 1
    ) AS one
)
SELECT blocked FROM blockers JOIN jobs USING (job_id)
WHERE jobs.finished_at IS NULL AND (jobs.started_at IS NOT NULL OR jobs.not_before IS NULL)
ORDER BY jobs.job_id FOR SHARE OF jobs
"""

WAITING = """
SELECT job_id, sequence, subject, headers, body FROM jobs
WHERE job_id = ANY(%(job_ids)s::text[]) AND body IS NOT NULL
"""

# One that is to go on once its message comes again is another message's, which brings it, where it waits in no ledger.
GOES_ON = """
SELECT job_id, greatest(extract(epoch FROM greatest(lease_until, not_before) - now()), 0)::float AS after
FROM jobs WHERE body IS NOT NULL AND job_id = coalesce(
    (SELECT job_id FROM jobs WHERE thread_id = %(thread_id)s AND started_at IS NOT NULL AND finished_at IS NULL),
    (SELECT job_id FROM jobs WHERE thread_id = %(thread_id)s AND status = 'queued' AND sequence IS NOT NULL
     ORDER BY sequence LIMIT 1))
  AND status IN ('queued', 'running')
"""

# A job that came over HTTP has no place before a worker has it.
SEEN = """
SELECT job_id FROM jobs
WHERE job_id = ANY(%(job_ids)s::text[]) AND (sequence IS NOT NULL OR finished_at IS NOT NULL)
"""
SEQUENCES = "SELECT sequence FROM jobs WHERE sequence > %(after)s AND sequence < %(before)s"

# Whoever waits at a gate that has opened is due. Of many processes that see it open each lets others pass.
OPENED = """
UPDATE jobs SET not_before = now()
WHERE job_id IN (SELECT job_id FROM jobs
                 WHERE status = 'parked' AND gate = ANY(%(gates)s::text[]) AND started_at IS NOT NULL
                   AND not_before > now()
                 LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING job_id
"""
