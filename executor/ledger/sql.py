"""The statements of the ledger. Each is one commit unless its caller says otherwise."""

# Who must end before this job may begin: whoever has begun on its thread (also where it waits for its next attempt or
# for a person: its checkpoint must stay the thread's last), and whoever came before it in the stream. A job that waits
# for its time blocks nobody, and nobody blocks one that has begun.
BLOCKERS = """
SELECT other.job_id FROM jobs AS other
WHERE other.thread_id = {thread_id} AND other.job_id <> {job_id} AND other.finished_at IS NULL
  AND (other.started_at IS NOT NULL OR (other.sequence < {sequence} AND other.not_before IS NULL))
  AND NOT EXISTS (SELECT FROM jobs AS mine WHERE mine.job_id = {job_id}
                  AND mine.started_at IS NOT NULL AND mine.finished_at IS NULL)
"""
OF_ASKED = BLOCKERS.format(thread_id="asked.thread_id", job_id="asked.job_id", sequence="asked.sequence")
OF_ONE = BLOCKERS.format(thread_id="%(thread_id)s", job_id="%(job_id)s", sequence="%(sequence)s")

# A failed job that comes back from the dead letters begins anew, once for each letter.
REPLAYED = "job.status = 'failed' AND job.replay < excluded.replay"
ANEW = """
    sequence = CASE WHEN job.finished_at IS NULL THEN coalesce(job.sequence, excluded.sequence)
               ELSE excluded.sequence END,
    cancelling = job.cancelling AND job.finished_at IS NULL, replay = greatest(excluded.replay, job.replay)
"""

# The first epoch's thread is fresh where it has no checkpoint; whoever had the job before may just be writing one.
CLAIMED = """
RETURNING job_id, epoch, attempts AS attempt, extract(epoch FROM now() - started_at)::float AS elapsed, now() AS at,
          cancelling, answer, replay,
          epoch = 1 AND NOT EXISTS (SELECT FROM checkpoints WHERE checkpoints.thread_id = job.thread_id) AS fresh
"""

CLAIM = f"""
INSERT INTO jobs AS job (job_id, thread_id, digest, sequence, replay, status, attempts, epoch, lease_until, started_at)
SELECT job_id, thread_id, digest, sequence, replay, 'running', 1, 1, now() + %(lease)s * interval '1 second', now()
FROM unnest(%(job_ids)s::text[], %(thread_ids)s::text[], %(digests)s::bytea[], %(sequences)s::int8[],
            %(not_befores)s::timestamptz[], %(replays)s::int8[])
     AS asked (job_id, thread_id, digest, sequence, not_before, replay)
WHERE coalesce(not_before <= now(), true) AND NOT EXISTS ({OF_ASKED})
ORDER BY job_id
ON CONFLICT (job_id) DO UPDATE
SET status = 'running', attempts = CASE WHEN job.finished_at IS NULL THEN job.attempts + 1 ELSE 1 END,
    epoch = job.epoch + 1, lease_until = excluded.lease_until, finished_at = NULL, error = NULL, not_before = NULL,
    started_at = CASE WHEN job.finished_at IS NULL THEN coalesce(job.started_at, excluded.started_at)
                 ELSE excluded.started_at END,
    {ANEW}
WHERE job.digest = excluded.digest AND coalesce(job.lease_until <= now(), true)
  AND (job.status IN ('queued', 'running', 'parked') OR ({REPLAYED}))
{CLAIMED}
"""  # noqa: S608 - our own fragments

WAITING = "SELECT sequence, subject, headers, body FROM jobs WHERE job_id = %(job_id)s"

REFUSED = f"""
SELECT job.status, job.attempts, job.digest = %(digest)s AS same,
       job.status = 'interrupted' OR (job.finished_at IS NOT NULL AND NOT
           (job.status = 'failed' AND job.replay < %(replay)s)) AS ended,
       greatest(extract(epoch FROM job.lease_until - now()), 0)::float AS leased,
       coalesce(%(not_before)s::timestamptz > now(), false) AS early, EXISTS ({OF_ONE}) AS blocked
FROM (SELECT) AS one LEFT JOIN jobs AS job ON job.job_id = %(job_id)s
"""  # noqa: S608 - our own fragments

PARK = f"""
INSERT INTO jobs AS job (job_id, thread_id, digest, sequence, replay, status, not_before, subject, headers, body)
VALUES (%(job_id)s, %(thread_id)s, %(digest)s, %(sequence)s, %(replay)s, 'parked', %(not_before)s,
        %(subject)s, %(headers)s, %(body)s)
ON CONFLICT (job_id) DO UPDATE
SET status = 'parked', not_before = excluded.not_before, subject = excluded.subject, headers = excluded.headers,
    body = excluded.body, attempts = CASE WHEN job.finished_at IS NULL THEN job.attempts ELSE 0 END,
    started_at = CASE WHEN job.finished_at IS NULL THEN job.started_at END, finished_at = NULL, error = NULL, {ANEW}
WHERE job.digest = excluded.digest AND (job.status IN ('queued', 'parked') OR ({REPLAYED}))
RETURNING job_id
"""  # noqa: S608 - our own fragments

# Waits for whoever is just ending one of them, and then does not find it any more.
STILL_BLOCKED = f"{OF_ONE} FOR SHARE"

QUEUE = """
INSERT INTO jobs AS job (job_id, thread_id, digest, status, subject, headers, body, woken_at)
VALUES (%(job_id)s, %(thread_id)s, %(digest)s, 'queued', %(subject)s, %(headers)s, %(body)s, now())
ON CONFLICT (job_id) DO UPDATE SET digest = job.digest
RETURNING digest = %(digest)s AS same
"""

# Whoever locks several jobs does it in one order, so that two never wait for each other.
RENEW = """
WITH held AS MATERIALIZED (
    SELECT jobs.job_id
    FROM jobs JOIN unnest(%(job_ids)s::text[], %(epochs)s::int8[]) AS claimed (job_id, epoch)
        ON jobs.job_id = claimed.job_id AND jobs.epoch = claimed.epoch
    WHERE jobs.status = 'running' ORDER BY jobs.job_id FOR NO KEY UPDATE OF jobs
)
UPDATE jobs SET lease_until = now() + %(lease)s * interval '1 second' FROM held WHERE jobs.job_id = held.job_id
RETURNING jobs.job_id, jobs.cancelling
"""

RELEASE = """
UPDATE jobs SET status = 'queued', lease_until = NULL, attempts = attempts - %(unused)s, woken_at = now()
WHERE job_id = %(job_id)s AND epoch = %(epoch)s AND status = 'running'
"""

PROMISE = """
INSERT INTO outbox (id, job_id, subject, headers, body)
SELECT said.id, %(job_id)s, said.subject, said.headers::json, said.body
FROM unnest(%(ids)s::text[], %(subjects)s::text[], %(heads)s::text[], %(bodies)s::bytea[])
     AS said (id, subject, headers, body)
ON CONFLICT (id) DO NOTHING
"""

# A job that somebody wants ended does not wait for a person's answer: it is left to its next claim, which ends it.
FINISH = """
WITH asked AS (
    SELECT * FROM unnest(%(job_ids)s::text[], %(epochs)s::int8[], %(statuses)s::text[], %(results)s::text[],
                         %(errors)s::text[], %(durations)s::int8[], %(kept_subjects)s::text[],
                         %(kept_headers)s::text[], %(kept_bodies)s::bytea[])
         AS asked (job_id, epoch, status, result, error, duration_ms, subject, headers, body)
), held AS MATERIALIZED (
    SELECT asked.* FROM asked JOIN jobs ON jobs.job_id = asked.job_id AND jobs.epoch = asked.epoch
    WHERE jobs.status = 'running' AND NOT (jobs.cancelling AND asked.status = 'interrupted')
    ORDER BY jobs.job_id FOR NO KEY UPDATE OF jobs
), ended AS (
    UPDATE jobs
    SET status = held.status, result = held.result::json, error = held.error::json, duration_ms = held.duration_ms,
        answer = NULL, lease_until = NULL, finished_at = CASE WHEN held.status <> 'interrupted' THEN now() END,
        subject = held.subject, headers = held.headers::json, body = held.body
    FROM held WHERE jobs.job_id = held.job_id
    RETURNING jobs.job_id
), said AS (
    INSERT INTO outbox (id, job_id, subject, headers, body)
    SELECT said.id, said.job_id, said.subject, said.headers::json, said.body
    FROM ended JOIN unnest(%(abouts)s::text[], %(ids)s::text[], %(subjects)s::text[], %(heads)s::text[],
                           %(bodies)s::bytea[])
         AS said (job_id, id, subject, headers, body) ON said.job_id = ended.job_id
    ON CONFLICT (id) DO NOTHING
)
SELECT job_id FROM ended
"""

REJECT = """
INSERT INTO jobs AS job (job_id, thread_id, digest, sequence, status, finished_at, error)
VALUES (%(job_id)s, %(thread_id)s, %(digest)s, %(sequence)s, 'failed', now(), %(error)s)
ON CONFLICT (job_id) DO UPDATE
SET status = 'failed', finished_at = excluded.finished_at, error = excluded.error,
    subject = NULL, headers = NULL, body = NULL
WHERE job.digest = excluded.digest AND job.status IN ('queued', 'parked') AND job.started_at IS NULL
RETURNING job_id
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
RETURNING jobs.thread_id, jobs.status, attempts, held.subject, held.headers, held.body
"""

WAKE = "status = 'queued', not_before = NULL, wakes = wakes + 1, woken_at = now()"

# Whoever waits longest for a thread on which nobody has begun, and nobody is on the way to a worker.
NEXT = """
SELECT DISTINCT ON (thread_id) job_id FROM jobs AS first
WHERE status = 'parked' AND not_before IS NULL AND NOT EXISTS (
    SELECT FROM jobs AS other
    WHERE other.thread_id = first.thread_id AND other.job_id <> first.job_id AND other.finished_at IS NULL
      AND (other.started_at IS NOT NULL OR (other.status = 'queued' AND other.sequence IS NOT NULL)))
"""

FIRST = """
SELECT job_id FROM jobs WHERE status = 'parked' AND job_id IN ({next} ORDER BY thread_id, sequence)
ORDER BY job_id FOR NO KEY UPDATE
"""

SETTLE = f"""
WITH marked AS (UPDATE outbox SET published_at = now() WHERE id = ANY(%(ids)s::text[]) AND published_at IS NULL),
     first AS MATERIALIZED ({FIRST.format(next=f"{NEXT} AND thread_id = ANY(%(thread_ids)s::text[])")})
UPDATE jobs SET {WAKE} FROM first WHERE jobs.job_id = first.job_id
RETURNING jobs.thread_id, jobs.job_id, jobs.wakes
"""  # noqa: S608 - our own fragments

WAKE_DUE = f"""
WITH due AS MATERIALIZED (
    SELECT job_id FROM jobs WHERE status = 'parked' AND not_before <= now() LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
), first AS MATERIALIZED ({FIRST.format(next=NEXT)})
UPDATE jobs SET {WAKE} WHERE job_id IN (SELECT job_id FROM due UNION ALL SELECT job_id FROM first)
RETURNING job_id, wakes
"""  # noqa: S608 - our own fragments

# Woken a while ago and nobody is at it: perhaps its message was never published, or has left the stream since. The
# broker knows it if it has it.
WAKE_AGAIN = """
UPDATE jobs SET woken_at = now()
WHERE job_id IN (SELECT job_id FROM jobs
                 WHERE finished_at IS NULL AND body IS NOT NULL AND woken_at < now() - interval '1 minute'
                   AND (status = 'queued' OR (status = 'running' AND lease_until < now() - interval '1 minute'))
                 LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING job_id, wakes
"""

# Their workers died, and their messages left the stream: nothing brings them back to a worker.
ORPHANS = """
UPDATE jobs
SET status = 'running', epoch = epoch + 1, lease_until = now() + %(lease)s * interval '1 second'
WHERE job_id IN (SELECT job_id FROM jobs
                 WHERE finished_at IS NULL AND sequence < %(first)s AND body IS NULL
                   AND (status = 'queued' OR (status = 'running' AND lease_until < now() - interval '1 minute'))
                 LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING job_id, thread_id, epoch, attempts AS attempt, now() AS at
"""

RESUME = f"""
UPDATE jobs
SET {WAKE}, result = NULL,
    answer = json_build_object('resume', %(answer)s::json, 'interrupts', result -> 'interrupts')
WHERE job_id = %(job_id)s AND status = 'interrupted' RETURNING job_id, wakes
"""  # noqa: S608 - our own fragments

UNPUBLISHED = """
SELECT id, subject, headers, body FROM outbox WHERE job_id = %(job_id)s AND published_at IS NULL ORDER BY created_at, id
"""

ENDED = """
SELECT thread_id, status, attempts FROM jobs
WHERE job_id = %(job_id)s AND (finished_at IS NOT NULL OR status = 'interrupted')
"""

OVERDUE = """
SELECT id, subject, headers, body FROM outbox
WHERE published_at IS NULL AND created_at < now() - interval '30 seconds' ORDER BY created_at LIMIT 100
"""

PUBLISHED = "UPDATE outbox SET published_at = now() WHERE id = ANY(%(ids)s::text[]) AND published_at IS NULL"

SEEN = "SELECT job_id FROM jobs WHERE job_id = ANY(%(job_ids)s::text[])"
SEQUENCES = "SELECT sequence FROM jobs WHERE sequence > %(after)s AND sequence < %(before)s"

COLUMNS = "job_id, thread_id, status, attempts, created_at, started_at, finished_at, duration_ms, result, error"

SHOW = f"SELECT {COLUMNS} FROM jobs WHERE job_id = %(job_id)s"  # noqa: S608 - our own columns

LIST = f"""
SELECT {COLUMNS} FROM jobs
WHERE (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(before)s::timestamptz IS NULL OR (created_at, job_id) < (%(before)s, %(before_id)s))
ORDER BY created_at DESC, job_id DESC LIMIT %(limit)s
"""  # noqa: S608 - our own columns

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
