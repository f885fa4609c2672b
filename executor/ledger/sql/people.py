"""The statements of people's side of the ledger. Each is one commit unless its caller says otherwise."""

from collections.abc import Collection

from executor.ledger.sql.definitions import KEEP_GIVEN
from executor.ledger.sql.fragments import FOREIGN, OF_ASKED, QUESTIONS, TENANT_OF_THREAD, TOTAL, WAKE
from executor.ledger.sql.tenants import page_of_tenant

OF_THREAD = TENANT_OF_THREAD.format(thread_id="%(thread_id)s")

# Many jobs, each with the message that will ask for it; which of them belong to an id that has other content, or is
# another tenant's, shows in what it gives back, and for those nothing is promised. Those on another tenant's thread are
# not among it.
QUEUE = f"""
WITH asked AS (
    SELECT * FROM unnest(%(job_ids)s::text[], %(thread_ids)s::text[], %(digests)s::bytea[], %(kept_subjects)s::text[],
                         %(kept_headers)s::text[], %(kept_bodies)s::bytea[], %(ids)s::text[], %(subjects)s::text[],
                         %(heads)s::text[], %(bodies)s::bytea[], %(agents)s::text[], %(definitions)s::text[],
                         %(metadatas)s::text[], %(tenants)s::text[])
         AS asked (job_id, thread_id, digest, kept_subject, kept_headers, kept_body, id, subject, headers, body,
                   agent, definition, metadata, tenant)
), queued AS (
    INSERT INTO jobs AS job (job_id, thread_id, digest, status, subject, headers, body, woken_at, agent, definition,
                             metadata, tenant)
    SELECT job_id, thread_id, digest, 'queued', kept_subject, kept_headers::json, kept_body, now(), agent, definition,
           metadata::jsonb, tenant
    FROM asked WHERE NOT {FOREIGN.format(**OF_ASKED, tenant="asked.tenant")} ORDER BY job_id
    ON CONFLICT (job_id) DO UPDATE SET digest = job.digest
    RETURNING job_id, digest, coalesce(tenant, %(own)s) AS tenant
), said AS (
    INSERT INTO outbox (id, job_id, subject, headers, body)
    SELECT asked.id, asked.job_id, asked.subject, asked.headers::json, asked.body
    FROM asked JOIN queued ON queued.job_id = asked.job_id AND queued.digest = asked.digest
         AND coalesce(queued.tenant = asked.tenant, true)
    ON CONFLICT (id) DO NOTHING
), kept AS ({KEEP_GIVEN})
SELECT job_id, digest, tenant FROM queued
"""

CANCEL = """
UPDATE jobs
SET cancelling = true,
    status = CASE WHEN held.busy THEN jobs.status ELSE 'cancelled' END,
    finished_at = CASE WHEN held.busy THEN NULL ELSE now() END,
    epoch = CASE WHEN held.busy THEN epoch ELSE epoch + 1 END,
    lease_until = CASE WHEN held.busy THEN lease_until END,
    subject = CASE WHEN held.busy THEN jobs.subject END, headers = CASE WHEN held.busy THEN jobs.headers END,
    body = CASE WHEN held.busy THEN jobs.body END
FROM (SELECT job_id, status = 'running' AND lease_until > now() AS busy, subject, headers, body
      FROM jobs WHERE job_id = %(job_id)s FOR UPDATE) AS held
WHERE jobs.job_id = held.job_id AND finished_at IS NULL
RETURNING jobs.thread_id, jobs.status, earlier + attempts AS attempts, held.subject, held.headers, held.body
"""

# Who has begun on a thread, or only who waits there for a person; locked, so that it stays so.
BEGUN = """
SELECT job_id FROM jobs
WHERE thread_id = %(thread_id)s AND job_id <> %(job_id)s AND started_at IS NOT NULL AND finished_at IS NULL
  AND (status = 'interrupted' OR NOT %(waiting)s)
LIMIT 1 FOR UPDATE
"""

# What a person's answer is checked against; nobody else changes it meanwhile.
ASKED = f"""
SELECT status, answered, result, {QUESTIONS} AS questions
FROM jobs AS job WHERE job_id = %(job_id)s FOR NO KEY UPDATE
"""

REPEATED = "SELECT id, answer FROM questions WHERE job_id = %(job_id)s AND key = %(key)s"

ANSWER = """
INSERT INTO questions (job_id, id, turn, answered_at, answer, key)
VALUES (%(job_id)s, %(id)s, %(turn)s, now(), %(answer)s, %(key)s)
ON CONFLICT (job_id, id, turn) DO UPDATE
SET answered_at = excluded.answered_at, answer = excluded.answer, key = excluded.key
"""

# `answer` is what an earlier image goes by: it goes on where all that is asked is in it, and else leaves the job to us.
# What is still open stays told.
RESUME = f"""
UPDATE jobs
SET {WAKE}, result = %(result)s, answer = %(answer)s, answered = true,
    attempts = greatest(attempts - (spared IS DISTINCT FROM 'answer')::int, 0), spared = 'answer'
WHERE job_id = %(job_id)s RETURNING job_id, wakes
"""

ANSWERED = "UPDATE jobs SET answered = true, result = %(result)s WHERE job_id = %(job_id)s"

# Why a job waits, for people: whoever is before it on its thread, a time, a provider, a person, a worker.
WAITS = """
CASE WHEN status = 'interrupted' THEN json_build_object('for', 'person')
     WHEN status = 'parked' AND fault_since IS NOT NULL THEN json_build_object('for', 'provider', 'until', not_before)
     WHEN status = 'parked' AND not_before IS NULL THEN json_build_object('for', 'thread', 'job', coalesce(
         (SELECT other.job_id FROM jobs AS other
          WHERE other.thread_id = job.thread_id AND other.job_id <> job.job_id
            AND other.started_at IS NOT NULL AND other.finished_at IS NULL LIMIT 1),
         (SELECT other.job_id FROM jobs AS other
          WHERE other.thread_id = job.thread_id AND other.finished_at IS NULL AND other.sequence < job.sequence
          ORDER BY other.sequence LIMIT 1)))
     WHEN status IN ('parked', 'queued') AND not_before > now()
         THEN json_build_object('for', 'time', 'until', not_before)
     WHEN status IN ('parked', 'queued') OR lease_until < now() THEN json_build_object('for', 'worker')
END
"""
ABOUT = f"""job_id, thread_id, status, {TOTAL} AS attempts, created_at, started_at, finished_at, duration_ms,
error, {WAITS} AS waiting, agent, metadata"""
COLUMNS = f"{ABOUT}, result"

SHOW = f"""
SELECT {COLUMNS} FROM jobs AS job
WHERE job_id = %(job_id)s AND (%(tenant)s::text IS NULL OR coalesce(tenant, %(own)s) = %(tenant)s)
"""

# Of those that have ended or ask people; what is large is left out.
SHOW_ENDED = f"""
SELECT {ABOUT}, CASE WHEN NOT is_large THEN result END AS result, is_large
FROM (SELECT *, coalesce(octet_length(result::text) > %(large)s, false) AS is_large FROM jobs
      WHERE job_id = ANY(%(job_ids)s::text[]) AND (finished_at IS NOT NULL OR status = 'interrupted')) AS job
"""

LIST = f"SELECT {COLUMNS} FROM ({{page}}) AS job ORDER BY created_at DESC, job_id DESC LIMIT %(limit)s"
PAGE = "SELECT * FROM jobs WHERE {filters} ORDER BY created_at DESC, job_id DESC LIMIT %(limit)s"
# Hidden from the planner: knowing that most jobs are completed, it would walk the whole age of the others.
FILTERS = {
    "status": "status = (SELECT %(status)s::text)",
    "thread_id": "thread_id = (SELECT %(thread_id)s::text)",
    "agent": "agent = (SELECT %(agent)s::text)",
    "since": "created_at >= %(since)s",
    "until": "created_at < %(until)s",
    "before": "(created_at, job_id) < (%(before)s, %(before_id)s)",
    # With a thread: another's is not looked through, as the second is asked once.
    "tenant": f"coalesce(tenant, %(own)s) = %(tenant)s AND {OF_THREAD} = %(tenant)s",
}


def listed(by: Collection[str], *, own: bool = False) -> str:
    """LIST by filters of these names. Each choice has a text of its own, or a plan that fits none would serve all.

    Those of a tenant are those that bear its name, and where it is our `own` those that bear none.
    """
    if "tenant" not in by or "thread_id" in by:
        filters = " AND ".join(FILTERS[name] for name in FILTERS if name in by) or "true"
        return LIST.format(page=PAGE.format(filters=filters))
    names = ("%(tenant)s::text", "''") if own else ("%(tenant)s::text",)
    return LIST.format(page=" UNION ALL ".join(f"({page_of_tenant(name, by)})" for name in names))


# Of two who forget, each would leave a thread's checkpoints to the other, whose jobs it still sees.
ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('agent-executor: forgetting')) AS yes"

EXPIRE = """
DELETE FROM jobs WHERE job_id IN (
    SELECT job_id FROM jobs WHERE finished_at < now() - %(keep)s * interval '1 second' ORDER BY finished_at LIMIT 100
    FOR UPDATE SKIP LOCKED)
RETURNING job_id, thread_id
"""

# A job that nobody ever sees holds a thread that has none any more: who would begin on it waits for our commit.
HOLD = """
INSERT INTO jobs (job_id, thread_id, digest, status, started_at)
SELECT gen_random_uuid(), thread_id, '', 'running', now() FROM unnest(%(thread_ids)s::text[]) AS gone (thread_id)
WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.thread_id = gone.thread_id)
ON CONFLICT (thread_id) WHERE started_at IS NOT NULL AND finished_at IS NULL DO NOTHING
RETURNING job_id, thread_id
"""

LET_GO = "DELETE FROM jobs WHERE job_id = ANY(%(job_ids)s::text[])"

EXPIRE_SAID = """
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE job_id IS NULL AND published_at < now() - %(keep)s * interval '1 second' LIMIT 1000)
"""
