"""Whose threads are, and the pages of a tenant's jobs.

A page is read by the index that has it in this order, and by no other. A planner that knows of an equality would walk
whatever index has its rows lie in the table's order, however many of others stand between. So the key is a range of
one, and part of the order; what else bounds a page is told beside it.
"""

from collections.abc import Collection

# Of two tenants who begin one thread at the same moment, one comes after the other, and then finds it taken.
ALONE_ON_THREADS = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended('agent-executor: thread ' || thread_id, 0) AS key
    FROM unnest(%(thread_ids)s::text[]) AS asked (thread_id) ORDER BY key) AS threads
"""

KEY = "coalesce(tenant, '')"
WITH_STATUS = "(coalesce(tenant, '') || ' ' || status)"  # no status holds a space

PAGE = """
SELECT * FROM jobs WHERE {since} AND {until} ORDER BY {key} DESC, created_at DESC, job_id DESC LIMIT %(limit)s
"""


def page_of_tenant(tenant: str, by: Collection[str]) -> str:
    """The newest jobs of a tenant, which is an expression of SQL, by more filters of these names."""
    key, value = (WITH_STATUS, f"({tenant} || ' ' || %(status)s::text)") if "status" in by else (KEY, tenant)
    return PAGE.format(key=key, since=_since(key, value, by), until=_until(key, value, by))


def _since(key: str, value: str, by: Collection[str]) -> str:
    return f"({key}, created_at) >= ({value}, %(since)s)" if "since" in by else f"{key} >= {value}"


def _until(key: str, value: str, by: Collection[str]) -> str:
    """An index heeds the first bound only: the place in the list, where there is one."""
    if "before" in by:
        too = " AND created_at < %(until)s" if "until" in by else ""
        return f"({key}, created_at, job_id) < ({value}, %(before)s, %(before_id)s){too}"
    return f"({key}, created_at) < ({value}, %(until)s)" if "until" in by else f"{key} <= {value}"
