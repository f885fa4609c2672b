"""The statements of the worker's side of the ledger. Each is one commit unless its caller says otherwise."""

from executor.ledger.sql.definitions import KEEP_GIVEN
from executor.ledger.sql.fragments import (
    ADVANCED,
    ANEW,
    BLOCKED,
    COUNTED,
    FIRST,
    FOREIGN,
    OF_ASKED,
    OF_ONE,
    OURS,
    QUESTIONS,
    REPLAYED,
    RESOLVED,
    TOTAL,
    WAKE,
)

# The first epoch's thread is fresh where it has no checkpoint; whoever had the job before may just be writing one.
CLAIMED = f"""
RETURNING job_id, epoch, attempts AS attempt, extract(epoch FROM now() - started_at)::float AS elapsed, now() AS at,
          cancelling, answer, replay, earlier + attempts AS total, steps,
          extract(epoch FROM now() - fault_since)::float AS fault,
          CASE WHEN epoch > 1
               THEN (SELECT before.spared FROM jobs AS before WHERE before.job_id = job.job_id) END AS spared,
          CASE WHEN epoch > 1 THEN {QUESTIONS} END AS questions,
          epoch = 1 AND NOT EXISTS (SELECT FROM checkpoints WHERE checkpoints.thread_id = job.thread_id) AS fresh,
          agent, definition
"""

CLAIM = f"""
WITH kept AS ({KEEP_GIVEN})
INSERT INTO jobs AS job (job_id, thread_id, digest, sequence, replay, status, attempts, epoch, lease_until, started_at,
                         agent, definition, metadata)
SELECT job_id, thread_id, digest, sequence, replay, 'running', 1, 1, now() + %(lease)s * interval '1 second', now(),
       agent, definition, metadata::jsonb
FROM unnest(%(job_ids)s::text[], %(thread_ids)s::text[], %(digests)s::bytea[], %(sequences)s::int8[],
            %(not_befores)s::timestamptz[], %(replays)s::int8[], %(agents)s::text[], %(definitions)s::text[],
            %(metadatas)s::text[])
     AS asked (job_id, thread_id, digest, sequence, not_before, replay, agent, definition, metadata)
WHERE coalesce(not_before <= now(), true) AND NOT {BLOCKED.format(**OF_ASKED)}
  AND NOT {FOREIGN.format(**OF_ASKED, tenant=OURS)}
ORDER BY job_id
ON CONFLICT (job_id) DO UPDATE
SET status = 'running', epoch = job.epoch + 1, spared = NULL, answered = false, gate = NULL,
    {COUNTED}, lease_until = excluded.lease_until, finished_at = NULL, error = NULL, not_before = NULL,
    started_at = CASE WHEN job.finished_at IS NULL THEN coalesce(job.started_at, excluded.started_at)
                 ELSE excluded.started_at END,
    {ANEW}, {RESOLVED}
WHERE job.digest = excluded.digest AND coalesce(job.lease_until <= now(), true)
  AND (job.status IN ('queued', 'running', 'parked') OR ({REPLAYED}))
{CLAIMED}
"""

REFUSED = f"""
SELECT job.status, {TOTAL} AS attempts, job.digest = %(digest)s AS same,
       job.status = 'interrupted' OR (job.finished_at IS NOT NULL AND NOT
           (job.status = 'failed' AND job.replay < %(replay)s)) AS ended,
       greatest(extract(epoch FROM job.lease_until - now()), 0)::float AS leased,
       coalesce(%(not_before)s::timestamptz > now(), false) AS early, {BLOCKED.format(**OF_ONE)} AS blocked,
       {FOREIGN.format(**OF_ONE, tenant=OURS)} AS foreign_thread
FROM (SELECT) AS one LEFT JOIN jobs AS job ON job.job_id = %(job_id)s
"""

# Whoever locks several jobs does it in one order, so that two never wait for each other.
RENEW = """
WITH held AS MATERIALIZED (
    SELECT jobs.job_id
    FROM jobs JOIN unnest(%(job_ids)s::text[], %(epochs)s::int8[]) AS claimed (job_id, epoch)
        ON jobs.job_id = claimed.job_id AND jobs.epoch = claimed.epoch
    WHERE jobs.status = 'running' ORDER BY jobs.job_id FOR NO KEY UPDATE OF jobs
)
UPDATE jobs AS job SET lease_until = now() + %(lease)s * interval '1 second', {advanced}
FROM held WHERE job.job_id = held.job_id
RETURNING job.job_id, job.cancelling
""".format(advanced=ADVANCED.format(when="job.attempts > 1 OR job.fault_since IS NOT NULL"))

TALLY = f"""
UPDATE jobs AS job SET {ADVANCED.format(when="true")}
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND status = 'running'
RETURNING attempts AS attempt, earlier + attempts AS total, steps,
          coalesce(extract(epoch FROM now() - fault_since), 0)::float AS fault
"""

# What the world failed is begun anew with whatever ends the attempt otherwise; `not_before` is only told to people.
RELEASE = """
UPDATE jobs
SET status = 'queued', lease_until = NULL, attempts = attempts - %(unused)s, woken_at = now(),
    spared = CASE WHEN %(unused)s = 1 THEN 'rollout' END, not_before = now() + %(after)s * interval '1 second',
    fault_since = CASE WHEN %(unused)s = 1 THEN fault_since END
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND status = 'running'
"""

# It keeps its thread, having begun, and blocks nobody's place in the broker.
POSTPONE = """
UPDATE jobs
SET status = 'parked', lease_until = NULL, attempts = attempts - 1, earlier = earlier + %(tried)s, spared = 'fault',
    not_before = CASE WHEN cancelling THEN now() ELSE now() + %(after)s * interval '1 second' END, gate = %(gate)s,
    fault_since = coalesce(fault_since, now()), subject = %(subject)s, headers = %(headers)s, body = %(body)s
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND status = 'running'
RETURNING job_id
"""

PROMISE = """
INSERT INTO outbox (id, job_id, subject, headers, body)
SELECT said.id, %(job_id)s, said.subject, said.headers::json, said.body
FROM unnest(%(ids)s::text[], %(subjects)s::text[], %(heads)s::text[], %(bodies)s::bytea[])
     AS said (id, subject, headers, body)
ON CONFLICT (id) DO NOTHING
"""

# A job that somebody wants ended does not wait for a person's answer: it is left to its next claim, which ends it. One
# that was answered while it ran goes on. The claim that will follow from an answer is no attempt. One that was answered
# just as it was claimed goes on, too: its claim waited for that commit, and saw the changed row, but not the answer.
FINISH = """
WITH asked AS (
    SELECT * FROM unnest(%(job_ids)s::text[], %(epochs)s::int8[], %(statuses)s::text[], %(results)s::text[],
                         %(errors)s::text[], %(durations)s::int8[], %(kept_subjects)s::text[],
                         %(kept_headers)s::text[], %(kept_bodies)s::bytea[])
         AS asked (job_id, epoch, status, result, error, duration_ms, subject, headers, body)
), held AS MATERIALIZED (
    SELECT asked.*, asked.status = 'interrupted' AND (jobs.answered OR EXISTS (
        SELECT FROM questions JOIN unnest(%(askers)s::text[], %(question_ids)s::text[], %(turns)s::int8[])
            AS told (job_id, id, turn) USING (job_id, id, turn)
        WHERE job_id = jobs.job_id AND answered_at IS NOT NULL)) AS goes_on
    FROM asked JOIN jobs ON jobs.job_id = asked.job_id AND jobs.epoch = asked.epoch
    WHERE jobs.status = 'running' AND NOT (jobs.cancelling AND asked.status = 'interrupted')
    ORDER BY jobs.job_id FOR NO KEY UPDATE OF jobs
), ended AS (
    UPDATE jobs
    SET status = CASE WHEN goes_on THEN 'queued' ELSE held.status END, result = held.result::json,
        error = held.error::json, duration_ms = held.duration_ms, answer = NULL, lease_until = NULL,
        finished_at = CASE WHEN held.status <> 'interrupted' THEN now() END, woken_at = now(),
        subject = held.subject, headers = held.headers::json, body = held.body, fault_since = NULL,
        attempts = attempts - (held.status = 'interrupted')::int,
        spared = CASE WHEN held.status = 'interrupted' THEN 'answer' END
    FROM held WHERE jobs.job_id = held.job_id
    RETURNING jobs.job_id, jobs.status
), told AS (
    INSERT INTO questions (job_id, id, turn)
    SELECT told.job_id, told.id, told.turn
    FROM ended JOIN unnest(%(askers)s::text[], %(question_ids)s::text[], %(turns)s::int8[])
         AS told (job_id, id, turn) ON told.job_id = ended.job_id
    ON CONFLICT DO NOTHING
), said AS (
    INSERT INTO outbox (id, job_id, subject, headers, body)
    SELECT said.id, said.job_id, said.subject, said.headers::json, said.body
    FROM ended JOIN unnest(%(abouts)s::text[], %(ids)s::text[], %(subjects)s::text[], %(heads)s::text[],
                           %(bodies)s::bytea[])
         AS said (job_id, id, subject, headers, body) ON said.job_id = ended.job_id
    ON CONFLICT (id) DO NOTHING
)
SELECT job_id, status FROM ended
"""

REJECT = """
INSERT INTO jobs AS job (job_id, thread_id, digest, sequence, status, finished_at, error, metadata)
VALUES (%(job_id)s, %(thread_id)s, %(digest)s, %(sequence)s, 'failed', now(), %(error)s, %(metadata)s::jsonb)
ON CONFLICT (job_id) DO UPDATE
SET status = 'failed', finished_at = excluded.finished_at, error = excluded.error,
    subject = NULL, headers = NULL, body = NULL
WHERE job.digest = excluded.digest AND job.status IN ('queued', 'parked') AND job.started_at IS NULL
RETURNING job_id
"""

SETTLE = f"""
WITH marked AS (UPDATE outbox SET published_at = now() WHERE id = ANY(%(ids)s::text[]) AND published_at IS NULL),
     first AS MATERIALIZED ({FIRST.format(threads="unnest(%(thread_ids)s::text[])")})
UPDATE jobs SET {WAKE} FROM first WHERE jobs.job_id = first.job_id
RETURNING jobs.thread_id, jobs.job_id, jobs.wakes
"""

UNPUBLISHED = """
SELECT id, subject, headers, body FROM outbox WHERE job_id = %(job_id)s AND published_at IS NULL ORDER BY created_at, id
"""

ENDED = f"""
SELECT thread_id, status, {TOTAL} AS attempts FROM jobs
WHERE job_id = %(job_id)s AND (finished_at IS NOT NULL OR status = 'interrupted')
"""
