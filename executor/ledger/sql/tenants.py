"""Whose threads are, and the pages of a tenant's jobs.

A page is read by the index that has it in this order, and by no other. A planner that knows of an equality would walk
whatever index has its rows lie in the table's order, however many of others stand between. So the key is a range of
one, and part of the order; what else bounds a page is told beside it.
"""

from collections.abc import Collection, Sequence

# Of two tenants who begin one thread at the same moment, one comes after the other, and then finds it taken.
ALONE_ON_THREADS = """
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT hashtextextended('agent-executor: thread ' || thread_id, 0) AS key
    FROM unnest(%(thread_ids)s::text[]) AS asked (thread_id) ORDER BY key) AS threads
"""

PAGE = """
SELECT * FROM jobs WHERE {since} AND {until} ORDER BY {order}, created_at DESC, job_id DESC LIMIT %(limit)s
"""
COLUMNS = ("agent", "status")  # as the indexes have them


def page_of_tenant(tenant: str, by: Collection[str]) -> str:
    """The newest jobs of a tenant, which is an expression of SQL, by more filters of these names."""
    more = [name for name in COLUMNS if name in by]
    key = ["coalesce(tenant, '')", *more]
    value = [tenant, *(f"%({name})s::text" for name in more)]
    there = " AND agent IS NOT NULL" if "agent" in by else ""  # what its indexes are of
    order = ", ".join(f"{column} DESC" for column in key)
    return PAGE.format(since=_since(key, value, by), until=_until(key, value, by) + there, order=order)


def _since(key: Sequence[str], value: Sequence[str], by: Collection[str]) -> str:
    if "since" in by:
        return f"{_row(*key, 'created_at')} >= {_row(*value, '%(since)s')}"
    return f"{_row(*key)} >= {_row(*value)}"


def _until(key: Sequence[str], value: Sequence[str], by: Collection[str]) -> str:
    """An index heeds the first bound only: the place in the list, where there is one."""
    if "before" in by:
        too = " AND created_at < %(until)s" if "until" in by else ""
        return f"{_row(*key, 'created_at', 'job_id')} < {_row(*value, '%(before)s', '%(before_id)s')}{too}"
    if "until" in by:
        return f"{_row(*key, 'created_at')} < {_row(*value, '%(until)s')}"
    return f"{_row(*key)} <= {_row(*value)}"


def _row(*columns: str) -> str:
    return f"({', '.join(columns)})"
