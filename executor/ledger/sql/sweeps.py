"""The statements of what is done for all now and then: each reads what there is to do, no more, and is one commit."""

from executor.ledger.sql.fragments import FIRST, WAKE

# Who comes while the sweep is another's writes nothing.
TAKE = """
INSERT INTO sweeps (name, until)
SELECT %(name)s::text, now() + %(seconds)s * interval '1 second'
WHERE NOT EXISTS (SELECT FROM sweeps WHERE name = %(name)s::text AND until > now())
ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE sweeps.until <= now()
RETURNING name
"""

# Who is due, who was answered, and who waits for a thread that became free: who wakes it marks what the ended job said
# in the same commit, so what is not marked tells of a thread at which nobody looked. The newest come first: where the
# broker takes nothing, the others were looked at before. An earlier image leaves a job interrupted whose questions are
# not all answered, and has counted an attempt for it.
WAKE_DUE = f"""
WITH due AS MATERIALIZED (
    SELECT job_id FROM jobs WHERE status = 'parked' AND not_before <= now()
    ORDER BY not_before LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
), answered AS MATERIALIZED (
    SELECT job_id FROM jobs WHERE status = 'interrupted' AND answered LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
), promised AS MATERIALIZED (
    SELECT job_id FROM outbox WHERE published_at IS NULL ORDER BY created_at DESC LIMIT 1000
), freed AS MATERIALIZED (
    SELECT DISTINCT thread_id FROM promised JOIN jobs USING (job_id) WHERE finished_at IS NOT NULL
), first AS MATERIALIZED ({FIRST.format(threads="freed")})
UPDATE jobs SET {WAKE}, attempts = attempts - (status = 'interrupted' AND attempts > 0)::int
WHERE job_id IN (SELECT job_id FROM due UNION ALL SELECT job_id FROM answered UNION ALL SELECT job_id FROM first)
RETURNING job_id, wakes
"""

# Who waits for a free thread though nothing tells of it: a hundred threads a time, all in turn.
FORGOTTEN = f"""
WITH RECURSIVE looked AS (
    SELECT coalesce((SELECT place FROM sweeps WHERE name = 'forgotten'), '') AS thread_id, 0 AS n
    UNION ALL
    SELECT following.thread_id, n + 1 FROM looked, LATERAL (
        SELECT thread_id FROM jobs
        WHERE status = 'parked' AND not_before IS NULL AND jobs.thread_id > looked.thread_id
        ORDER BY thread_id LIMIT 1
    ) AS following WHERE n < 100
), threads AS MATERIALIZED (
    SELECT thread_id FROM looked WHERE n > 0
), goes_on AS (
    UPDATE sweeps SET place = coalesce((SELECT thread_id FROM looked WHERE n = 100), '') WHERE name = 'forgotten'
), first AS MATERIALIZED ({FIRST.format(threads="threads")})
UPDATE jobs SET {WAKE} WHERE job_id IN (SELECT job_id FROM first)
RETURNING job_id, wakes
"""

# Woken a while ago and nobody is at it: perhaps its message was never published, or has left the stream since. The
# broker knows it if it has it.
WAKE_AGAIN = """
UPDATE jobs SET woken_at = now()
WHERE job_id IN (SELECT job_id FROM jobs
                 WHERE status IN ('queued', 'running') AND body IS NOT NULL
                   AND woken_at < now() - interval '1 minute'
                   AND (status = 'queued' OR lease_until < now() - interval '1 minute')
                 ORDER BY woken_at LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING job_id, wakes
"""

# Their workers died, and their messages left the stream: nothing brings them back to a worker.
ORPHANS = """
UPDATE jobs
SET status = 'running', epoch = epoch + 1, lease_until = now() + %(lease)s * interval '1 second'
WHERE job_id IN (SELECT job_id FROM jobs
                 WHERE status IN ('queued', 'running') AND body IS NULL AND sequence < %(first)s
                   AND (status = 'queued' OR lease_until < now() - interval '1 minute')
                 ORDER BY sequence LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING job_id, thread_id, epoch, attempts AS attempt, earlier + attempts AS total, now() AS at
"""

OVERDUE = """
SELECT id, subject, headers, body FROM outbox
WHERE published_at IS NULL AND created_at < now() - interval '30 seconds' ORDER BY created_at LIMIT 100
"""
