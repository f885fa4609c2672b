"""Who is alive and knows what: a field of a job's data is taken over HTTP only once all do."""

import psycopg
import pytest

from executor.ledger import Pods
from executor.postgres.pool import EARLIER_NAME

pytestmark = pytest.mark.anyio

NEW = {"metadata", "checkpoint_id"}


@pytest.fixture
async def pods(lab):
    await lab.ask("DELETE FROM pods")
    return Pods(lab.pool)


async def test_a_field_is_known_while_every_pod_that_is_alive_knows_it(pods):
    assert await pods.all_know(NEW)
    await pods.seen("a", "2", NEW | {"more"})
    assert await pods.all_know(NEW)
    await pods.seen("b", "1", {"metadata"})
    assert [await pods.all_know({"metadata"}), await pods.all_know(NEW)] == [True, False]
    await pods.gone("b")
    assert await pods.all_know(NEW)


async def test_a_pod_that_says_nothing_for_a_minute_counts_as_gone_and_is_forgotten(pods, lab):
    await pods.seen("old", "1", ())
    assert not await pods.all_know(NEW)
    await lab.ask("UPDATE pods SET seen_at = now() - interval '61 seconds'")
    assert await pods.all_know(NEW)
    await pods.seen("new", "2", NEW)
    seen = await lab.ask("SELECT pod, version, features FROM pods")
    assert seen == [{"pod": "new", "version": "2", "features": sorted(NEW)}]


async def test_a_pod_of_an_image_that_keeps_no_row_is_seen_by_its_connections(pods, postgres):
    conninfo = postgres.conninfo() | {"application_name": EARLIER_NAME}
    async with await psycopg.AsyncConnection.connect(**conninfo):
        assert not await pods.all_know(NEW)
