"""The statements about pods. Each is one commit."""

ALIVE = """
WITH gone AS (
    DELETE FROM pods WHERE pod IN (
        SELECT pod FROM pods WHERE pod <> %(pod)s AND seen_at < now() - %(stale)s * interval '1 second'
        FOR UPDATE SKIP LOCKED)
)
INSERT INTO pods (pod, version, features) VALUES (%(pod)s, %(version)s, %(features)s::text[])
ON CONFLICT (pod) DO UPDATE SET version = excluded.version, features = excluded.features, seen_at = now()
"""

LEFT = "DELETE FROM pods WHERE pod = %(pod)s"

# An image from before this table writes no row: what is seen of it is the name of its connections.
UNKNOWING = """
SELECT EXISTS (SELECT FROM pods WHERE seen_at >= now() - %(stale)s * interval '1 second'
                 AND NOT features @> %(features)s::text[])
    OR EXISTS (SELECT FROM pg_stat_activity
               WHERE datname = current_database() AND application_name = %(earlier)s) AS found
"""
