"""The statements about threads. Each is one commit unless its caller says otherwise."""

from collections.abc import Collection

# What the thread does. Not EXISTS, for which the planner reads all jobs that would do; and the last job by a column
# that no index holds, or it would sort all of a thread.
STATUS = """
CASE WHEN (SELECT status FROM jobs WHERE jobs.thread_id = threads.thread_id
           AND started_at IS NOT NULL AND finished_at IS NULL LIMIT 1) = 'interrupted' THEN 'interrupted'
     WHEN (SELECT true FROM jobs WHERE jobs.thread_id = threads.thread_id AND finished_at IS NULL LIMIT 1) THEN 'busy'
     WHEN (SELECT status = 'failed' AND finished_at IS NOT NULL FROM jobs WHERE jobs.thread_id = threads.thread_id
           ORDER BY created_at DESC, job_id DESC LIMIT 1) THEN 'error'
     ELSE 'idle' END
"""
COLUMNS = f"""
thread_id, coalesce(metadata, jsonb_build_object()) AS metadata, agent, created_at, updated_at, {STATUS} AS status
"""

CREATE = f"""
INSERT INTO threads (thread_id, metadata) VALUES (%(thread_id)s, %(metadata)s::jsonb)
ON CONFLICT (thread_id) DO NOTHING RETURNING {COLUMNS}
"""

GET = f"SELECT {COLUMNS} FROM threads WHERE thread_id = %(thread_id)s"

PATCH = f"""
UPDATE threads SET metadata = coalesce(metadata, jsonb_build_object()) || %(metadata)s::jsonb, updated_at = now()
WHERE thread_id = %(thread_id)s RETURNING {COLUMNS}
"""

# Which jobs say that a thread may have a status: so many are looked at as there are of them, whatever else there is.
# Who is idle is no job's to say.
SIGNS = {
    "interrupted": "('interrupted')",
    "busy": "('queued', 'running', 'parked')",
    "error": "('failed')",
}
MARKED = "WITH marked AS MATERIALIZED (SELECT DISTINCT thread_id FROM jobs WHERE status IN {signs})"

SEARCH = f"""
{{marked}} SELECT * FROM (SELECT {COLUMNS} FROM threads WHERE {{filters}}) AS found WHERE {{status}}
ORDER BY {{sort}} {{direction}}, thread_id {{direction}} LIMIT %(limit)s OFFSET %(offset)s
"""
COUNT = f"""
{{marked}} SELECT count(*) AS n FROM (SELECT {COLUMNS} FROM threads WHERE {{filters}}) AS found WHERE {{status}}
"""
FILTERS = {
    "metadata": "metadata @> %(metadata)s::jsonb",
    "agent": "agent = %(agent)s",
    "ids": "thread_id = ANY(%(ids)s::text[])",
}

# Of a thread that is to be forgotten: who has not ended, or whose end the broker may not have.
UNSETTLED = """
SELECT job_id FROM jobs
WHERE thread_id = %(thread_id)s AND (finished_at IS NULL OR EXISTS (
    SELECT FROM outbox WHERE outbox.job_id = jobs.job_id AND published_at IS NULL))
LIMIT 1
"""
FORGET_JOBS = "DELETE FROM jobs WHERE thread_id = %(thread_id)s AND finished_at IS NOT NULL RETURNING job_id"
FORGET = "DELETE FROM threads WHERE thread_id = %(thread_id)s RETURNING thread_id"

# Its jobs are forgotten, or it never had one, and nobody has touched it for as long.
EXPIRE_THREADS = """
DELETE FROM threads WHERE thread_id IN (
    SELECT thread_id FROM threads
    WHERE NOT has_jobs AND updated_at < now() - %(keep)s * interval '1 second'
      AND NOT EXISTS (SELECT FROM jobs WHERE jobs.thread_id = threads.thread_id)
    ORDER BY updated_at LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING thread_id
"""


def searched(by: Collection[str], status: str | None, sort_by: str, *, is_descending: bool) -> str:
    """SEARCH by filters of these names and by a status."""
    direction = "DESC" if is_descending else "ASC"
    return SEARCH.format(**_where(by, status), sort=sort_by, direction=direction)


def counted(by: Collection[str], status: str | None) -> str:
    """COUNT by the same."""
    return COUNT.format(**_where(by, status))


def _where(by: Collection[str], status: str | None) -> dict[str, str]:
    filters = [FILTERS[name] for name in FILTERS if name in by]
    signs = SIGNS.get(status or "")
    if signs:
        filters.append("thread_id IN (SELECT thread_id FROM marked)")
    return {
        "marked": MARKED.format(signs=signs) if signs else "",
        "filters": " AND ".join(filters) or "true",
        "status": "status = %(status)s" if status else "true",
    }
