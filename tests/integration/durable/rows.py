"""Tables as they are after months, and what each statement of the ledger reads of them."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from executor.ledger.sql import definitions, fragments, people, pods, sweeps, tenants, threads, waiting, worker
from executor.postgres.pool import Connection, Pool, connected, fetch, transaction

# Finished jobs with a message each: a tenth of them on one thread, one in a thousand failed, two tenths of one agent.
# Each has a definition of its own, but for those of the agent. A third and that thread are a large tenant's, some of
# the oldest a small one's, and the others bear no name.
FINISHED = """
INSERT INTO jobs (job_id, thread_id, digest, sequence, status, attempts, epoch, created_at, started_at, finished_at,
                  agent, definition, tenant)
SELECT 'ended-' || n, CASE WHEN n %% 10 = 0 THEN 'long' ELSE 'thread-' || n END, '', n,
       CASE WHEN n %% 1000 = 0 THEN 'failed' ELSE 'completed' END, 1, 1, at, at, at,
       CASE WHEN n %% 10 IN (4, 5) THEN 'asked' END, CASE WHEN n %% 10 IN (4, 5) THEN 'one' ELSE 'own-' || n END,
       CASE WHEN n %% 10 = 0 OR n %% 3 = 0 THEN 'large' WHEN n > %(finished)s - 20 THEN 'small' END
FROM generate_series(1, %(finished)s) AS n, LATERAL (SELECT now() - n * interval '1 second') AS ended (at)
"""
# The last use of half of them was long ago, as far as anybody looked; a tenth of these no job names any more.
DEFINED = """
INSERT INTO definitions (digest, definition, used_at)
SELECT CASE WHEN n %% 20 = 0 THEN 'gone-' || n ELSE 'own-' || n END, '{}',
       CASE WHEN n %% 2 = 0 THEN now() - interval '40 years' ELSE now() END
FROM generate_series(1, %(finished)s) AS n
"""
SAID = """
INSERT INTO outbox (id, job_id, subject, headers, body, created_at, published_at)
SELECT job_id || ':said', job_id, 's', '{}', '', finished_at, finished_at FROM jobs
"""

# Of those that wait, three tenths wait for people, and as many for their threads; a fifth for one thread, a tenth for a
# time and a tenth at gates, of which one opened: half of those that stopped there are due.
WAITING = """
INSERT INTO jobs (job_id, thread_id, digest, sequence, status, epoch, started_at, not_before, gate, body, answered)
SELECT 'waits-' || n,
       CASE WHEN kind < 6 THEN 'asks-' || n - n %% 10 + n %% 3 WHEN kind < 8 THEN 'flood' ELSE 'own-' || n END,
       '', 1000000000 + n, CASE WHEN kind < 3 THEN 'interrupted' ELSE 'parked' END, 1,
       CASE WHEN kind < 3 OR kind = 9 THEN now() END,
       CASE WHEN kind > 7 THEN now() + (CASE WHEN n < 50 OR opened THEN -1 ELSE 1 END) * interval '1 hour' END,
       CASE WHEN kind = 9 THEN CASE WHEN n BETWEEN 50 AND 99 OR opened THEN 'ajar' ELSE 'shut' END END,
       '', kind < 3 AND n < 20
FROM generate_series(1, %(waiting)s) AS n, LATERAL (SELECT n %% 10, n %% 20 = 9) AS of (kind, opened)
"""

# A third came over HTTP for one thread and stand in the stream, a third were given back, and a third are at work.
GOING = """
INSERT INTO jobs (job_id, thread_id, digest, sequence, status, epoch, started_at, lease_until, woken_at, body)
SELECT 'goes-' || n, CASE kind WHEN 0 THEN 'free' ELSE 'goes-' || n END, '', CASE WHEN kind > 0 THEN 2000000000 + n END,
       CASE kind WHEN 2 THEN 'running' ELSE 'queued' END, 1, CASE kind WHEN 2 THEN now() END,
       CASE kind WHEN 2 THEN now() + interval '1 day' END, now(), CASE WHEN kind <> 1 THEN ''::bytea END
FROM generate_series(1, %(waiting)s) AS n, LATERAL (SELECT n %% 3) AS of (kind)
"""

# Who was left: an end that nobody looked at, a wake that was lost, a worker that died.
LEFT = """
INSERT INTO jobs (job_id, thread_id, digest, sequence, status, epoch, started_at, finished_at, lease_until, woken_at,
                  body)
VALUES ('holder', 'flood', '', 1, 'running', 1, now(), NULL, now() + interval '1 day', now(), NULL),
       ('freed', 'free', '', 1, 'completed', 1, now(), now(), NULL, NULL, NULL),
       ('next', 'free', '', 2, 'parked', 0, NULL, NULL, NULL, NULL, ''),
       ('lost', 'lost', '', 1, 'queued', 0, NULL, NULL, NULL, now() - interval '1 hour', ''),
       ('orphan', 'orphan', '', 1, 'running', 1, now(), NULL, now() - interval '1 hour', NULL, NULL)
"""
OWED = """
INSERT INTO outbox (id, job_id, subject, headers, body, created_at)
VALUES ('owed', 'freed', 's', '{}', '', now() - interval '1 hour')
"""

# Each has a thread, of which some are of one agent and some are noted for something that few are; and some have no job.
THREADS = """
INSERT INTO threads (thread_id, metadata, agent, updated_at, has_jobs)
SELECT thread_id, CASE WHEN n %% 100 = 0 THEN jsonb_build_object('n', n) END,
       CASE WHEN n %% 10 = 0 THEN 'one' END, now() - n * interval '1 second', true
FROM (SELECT thread_id, row_number() OVER () AS n FROM jobs GROUP BY thread_id) AS of_jobs
UNION ALL SELECT 'made-' || n, NULL, NULL, now(), false FROM generate_series(1, %(waiting)s) AS n
"""

VERBS = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
# Lists are below, with their filters.
PARTS = {name for name in vars(fragments) if name.isupper()} | {
    "LIST", "PAGE", "OF_THREAD", "KEEP_GIVEN", "MARKED", "SEARCH", "COUNT",
}  # fmt: skip

OWN = "ours"
TIME = datetime(2026, 1, 1, tzinfo=UTC)
PAIR = [None, None]
TEXTS = ["a", "b"]

# What the statements are asked with, by the names of their parameters.
VALUES: dict[str, Any] = {
    "job_id": "holder",
    "thread_id": "flood",
    "digest": b"",
    "sequence": 5,
    "replay": 0,
    "epoch": 1,
    "lease": 15.0,
    "not_before": None,
    "subject": "s",
    "headers": None,
    "body": b"",
    "unused": 0,
    "after": 1,
    "before": 9,
    "gate": None,
    "tried": 1,
    "waiting": False,
    "tenant": "small",
    "own": OWN,
    "error": None,
    "result": None,
    "answer": None,
    "id": "q",
    "turn": 1,
    "key": "k",
    "keep": 1e9,
    "first": 1_000_000_000,
    "name": "retention",
    "seconds": 60.0,
    "limit": 50,
    "agent": "asked",
    "definition": "one",
    "agents": [None, "asked"],
    "definitions": [None, "one"],
    "kept_digests": ["own-1", "new"],
    "kept_texts": ["{}", "{}"],
    "gates": ["ajar"],
    "job_ids": ["holder", "lost"],
    "thread_ids": ["flood", "free"],
    "digests": [b"", b""],
    "sequences": [1, 1],
    "not_befores": PAIR,
    "replays": [0, 0],
    "epochs": [1, 1],
    "statuses": ["completed", "completed"],
    "results": PAIR,
    "errors": PAIR,
    "durations": PAIR,
    "kept_subjects": PAIR,
    "kept_headers": PAIR,
    "kept_bodies": PAIR,
    "abouts": ["holder", "lost"],
    "askers": ["holder", "lost"],
    "question_ids": TEXTS,
    "turns": [1, 1],
    "ids": TEXTS,
    "subjects": TEXTS,
    "heads": ["{}", "{}"],
    "bodies": [b"", b""],
    "tenants": ["small", "small"],
    "metadata": None,
    "status": "error",
    "metadatas": PAIR,
    "pod": "p",
    "version": "1",
    "features": TEXTS,
    "stale": 60,
    "earlier": "none",
    "large": 1 << 18,
}

# What lists are asked with: each finds nothing, or only what is far behind all that is newer.
LISTED: list[dict[str, Any]] = [
    {"status": status, **whose, "since": since, "until": until, "before": before, "tenant": tenant}
    for status, whose, since, until, before, tenant in itertools.product(
        [None, "completed", "failed", "cancelled", "parked"],
        [
            {},
            {"thread_id": "long"},
            {"thread_id": "flood"},
            {"thread_id": "nobody's"},
            {"agent": "asked"},
            {"agent": "nobody's"},
        ],
        [None, TIME],
        [None, TIME],
        [None, TIME],
        [None, "large", "small", OWN, "nobody"],
    )
]


# What threads are looked for by, and in which order.
SEARCHED: list[dict[str, Any]] = [{}, {"metadata": '{"n": 5000}'}, {"agent": "one"}, {"ids": ["long", "flood"]}]

PAGES = [("updated_at", True), ("created_at", True), ("thread_id", False)]


async def fill(pool: Pool, finished: int, waiting: int) -> None:
    """Fill empty tables; the planner knows of it."""
    async with transaction(pool) as connection:
        await connection.execute("SET LOCAL statement_timeout = 0")
        for statement in (FINISHED, DEFINED, SAID, WAITING, GOING, LEFT, OWED, THREADS):
            await connection.execute(statement, {"finished": finished, "waiting": waiting})
    async with connected(pool) as connection:
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("VACUUM ANALYZE jobs, outbox, definitions, threads")


def statements() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every statement of the ledger and every list: its name, its text and its values."""
    for module in (worker, waiting, people, sweeps, definitions, pods, threads, tenants):
        for name, text in _named(module):
            yield name, text, VALUES
    for only in LISTED:
        given = {name: value for name, value in only.items() if value is not None}
        text = people.listed(given, own=only["tenant"] == OWN)
        yield f"LIST {given}", text, {**given, "before_id": "x", "limit": 50, "own": OWN}
    for given, (sort, is_descending) in itertools.product(SEARCHED, PAGES):
        text = threads.searched(given, None, sort, is_descending=is_descending)
        yield f"SEARCH {given} by {sort}", text, {**given, "limit": 50, "offset": 0}
    for status in ("interrupted", "error", "idle"):
        text = threads.searched((), status, "updated_at", is_descending=True)
        yield f"SEARCH {status}", text, {"status": status, "limit": 50, "offset": 0}


def _named(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, text in vars(module).items():
        if isinstance(text, str) and name not in PARTS and text.split(None, 1)[0] in VERBS:
            yield name, text


async def cost(connection: Connection, text: str, values: dict[str, Any]) -> tuple[int, float]:
    """The blocks that a statement touches, and its milliseconds; nothing of what it does is left."""
    async with connection.transaction(force_rollback=True):
        rows = await fetch(connection, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", values)
    [told] = rows[0]["QUERY PLAN"]
    return told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"], told["Execution Time"]
