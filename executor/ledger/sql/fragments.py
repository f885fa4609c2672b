"""What several statements say alike."""

# Whether a job must wait: for whoever has begun on its thread (also where that one waits for its next attempt or for a
# person: its checkpoint must stay the thread's last), and for whoever came before it in the stream. A job that waits
# for its time blocks nobody, and nobody blocks one that has begun. Each of the two is one look into an index.
BEGUN_ON_THREAD = """
SELECT other.job_id FROM jobs AS other
WHERE other.thread_id = {thread_id} AND other.job_id <> {job_id}
  AND other.started_at IS NOT NULL AND other.finished_at IS NULL
"""
BEFORE_ON_THREAD = """
SELECT other.job_id FROM jobs AS other
WHERE other.thread_id = {thread_id} AND other.job_id <> {job_id}
  AND other.sequence < {sequence} AND other.not_before IS NULL AND other.finished_at IS NULL
"""
BLOCKED = f"""(
    (EXISTS ({BEGUN_ON_THREAD}) OR EXISTS ({BEFORE_ON_THREAD}))
    AND NOT EXISTS (SELECT FROM jobs AS mine WHERE mine.job_id = {{job_id}}
                    AND mine.started_at IS NOT NULL AND mine.finished_at IS NULL))"""
OURS = "%(own)s::text"
OF_ASKED = {"thread_id": "asked.thread_id", "job_id": "asked.job_id", "sequence": "asked.sequence"}
OF_ONE = {"thread_id": "%(thread_id)s", "job_id": "%(job_id)s", "sequence": "%(sequence)s"}

# Whose a thread is: its first job's, and `own` is whose the jobs without a tenant are. It is foreign to another tenant;
# NULL is that tenants are not told apart. Whoever is in the ledger already was let onto his thread when he came.
TENANT_OF_THREAD = """(
    SELECT coalesce(first.tenant, %(own)s) FROM jobs AS first
    WHERE first.thread_id = {thread_id} ORDER BY first.created_at, first.job_id LIMIT 1)"""
FOREIGN = f"""(
    {{tenant}} IS NOT NULL AND coalesce({TENANT_OF_THREAD}, {{tenant}}) <> {{tenant}}
    AND NOT EXISTS (SELECT FROM jobs AS mine WHERE mine.job_id = {{job_id}}))"""

# A failed job that comes back from the dead letters begins anew, once for each letter.
REPLAYED = "job.status = 'failed' AND job.replay < excluded.replay"
ANEW = """
    sequence = CASE WHEN job.finished_at IS NULL THEN coalesce(job.sequence, excluded.sequence)
               ELSE excluded.sequence END,
    cancelling = job.cancelling AND job.finished_at IS NULL, replay = greatest(excluded.replay, job.replay)
"""

# What a job runs is found once: nobody who comes later has another word for it, whatever its name means by then.
RESOLVED = """
    agent = coalesce(job.agent, excluded.agent),
    definition = CASE WHEN job.agent IS NULL THEN coalesce(job.definition, excluded.definition) ELSE job.definition END
"""

# Steps that the job has committed: its checkpoints in all namespaces, but for those that only take a graph's input in,
# or begin a fork without one. The same step again, after a death before the next one, is none.
STEPS = """(
    SELECT coalesce(sum(greatest(n - 1 - input, 0)), 0)::int FROM (
        SELECT count(DISTINCT metadata ->> 'step') AS n, max((metadata ->> 'source' = 'input')::int) AS input
        FROM checkpoints
        WHERE checkpoints.thread_id = job.thread_id AND metadata ->> 'job_id' = job.job_id GROUP BY checkpoint_ns
    ) AS of_namespace)"""

# A claim is an attempt of the step that the job is at. Where a later one was committed, the last attempt was its first;
# but one that was spared was none.
COUNTED = f"""
    (attempts, earlier, steps, fault_since) = (
        SELECT CASE WHEN job.finished_at IS NOT NULL THEN 1 WHEN n > job.steps THEN spent + 1 ELSE job.attempts + 1 END,
               CASE WHEN job.finished_at IS NOT NULL THEN 0
                    WHEN n > job.steps THEN job.earlier + job.attempts - spent ELSE job.earlier END,
               greatest(n, job.steps),
               CASE WHEN job.finished_at IS NULL AND n <= job.steps THEN job.fault_since END
        FROM (SELECT CASE WHEN job.started_at IS NULL THEN 0 ELSE {STEPS} END AS n,
                     CASE WHEN job.spared IS NULL THEN least(job.attempts, 1) ELSE 0 END AS spent) AS counted)
"""

# The same of a job that runs: its attempt is the first of the step that it has come to.
ADVANCED = f"""
    (attempts, earlier, steps, fault_since) = (
        SELECT CASE WHEN n > job.steps THEN 1 ELSE job.attempts END,
               CASE WHEN n > job.steps THEN job.earlier + job.attempts - 1 ELSE job.earlier END,
               greatest(n, job.steps), CASE WHEN n <= job.steps THEN job.fault_since END
        FROM (SELECT CASE WHEN {{when}} THEN {STEPS} ELSE job.steps END AS n) AS counted)
"""

# The latest turn of each question.
QUESTIONS = """(
    SELECT json_agg(json_build_object('id', id, 'turn', turn, 'answered', answered_at IS NOT NULL, 'answer', answer))
    FROM (SELECT DISTINCT ON (id) * FROM questions
          WHERE questions.job_id = job.job_id ORDER BY id, turn DESC) AS latest)"""

# How often the job was tried in all; a claim that an answer or a rollout will cause is still that of before.
TOTAL = """
earlier + attempts
+ CASE WHEN status IN ('queued', 'interrupted') AND spared IN ('answer', 'rollout') THEN 1 ELSE 0 END
"""

WAKE = "status = 'queued', not_before = NULL, wakes = wakes + 1, woken_at = now()"

# Of each thread on which nobody has begun, and nobody is on the way to a worker: whoever waits longest for it.
NEXT = """
SELECT waits.job_id
FROM {threads} AS freed (thread_id), LATERAL (
    SELECT job_id FROM jobs WHERE jobs.thread_id = freed.thread_id AND status = 'parked' AND not_before IS NULL
    ORDER BY sequence LIMIT 1
) AS waits
WHERE NOT EXISTS (SELECT FROM jobs AS other WHERE other.thread_id = freed.thread_id AND other.job_id <> waits.job_id
                  AND other.started_at IS NOT NULL AND other.finished_at IS NULL)
  AND NOT EXISTS (SELECT FROM jobs AS other WHERE other.thread_id = freed.thread_id
                  AND other.status = 'queued' AND other.sequence IS NOT NULL)
"""
FIRST = f"""
SELECT job_id FROM jobs WHERE status = 'parked' AND job_id IN ({NEXT}) ORDER BY job_id FOR NO KEY UPDATE
"""
