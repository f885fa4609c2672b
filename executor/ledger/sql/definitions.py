"""The statements about definitions. Each is one commit unless its caller says otherwise."""

# Whoever locks jobs and definitions does it in this order, and definitions in theirs. One that was seen to be used
# within the hour is not even locked: retention does not look at it for a day.
KEEP_GIVEN = """
INSERT INTO definitions (digest, definition)
SELECT digest, definition::json
FROM unnest(%(kept_digests)s::text[], %(kept_texts)s::text[]) AS given (digest, definition)
WHERE NOT EXISTS (SELECT FROM definitions AS known
                  WHERE known.digest = given.digest AND known.used_at > now() - interval '1 hour')
ORDER BY digest
ON CONFLICT (digest) DO UPDATE SET used_at = now()
"""
KEEP = f"{KEEP_GIVEN} RETURNING digest"

SHOW_DEFINITION = "SELECT definition FROM definitions WHERE digest = %(definition)s"

# What the thread's latest job runs, of those that have begun before those that have not.
RAN = """
SELECT agent, definition
FROM unnest(ARRAY['running', 'interrupted', 'completed', 'failed', 'cancelled', 'queued', 'parked']) AS words (status),
     LATERAL (SELECT * FROM jobs WHERE jobs.thread_id = %(thread_id)s AND jobs.status = words.status
              ORDER BY created_at DESC, job_id DESC LIMIT 1) AS latest
ORDER BY started_at IS NULL, created_at DESC, job_id DESC LIMIT 1
"""

# A hundred whose last use is longest ago: those that no job names go, the others are looked at as late again. A day
# more than jobs are kept: nobody can be about to name one of them without writing it.
FORGET_DEFINITIONS = """
WITH old AS MATERIALIZED (
    SELECT digest FROM definitions WHERE used_at < now() - (%(keep)s + 86400) * interval '1 second'
    ORDER BY used_at LIMIT 100 FOR UPDATE SKIP LOCKED
), used AS MATERIALIZED (
    SELECT digest FROM old, LATERAL (SELECT FROM jobs WHERE jobs.definition = old.digest LIMIT 1) AS one
), spared AS (
    UPDATE definitions SET used_at = now() WHERE digest IN (SELECT digest FROM used)
)
DELETE FROM definitions WHERE digest IN (SELECT digest FROM old EXCEPT SELECT digest FROM used)
RETURNING digest
"""
