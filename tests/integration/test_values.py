"""Text that is no UTF-8, on real servers."""

import orjson
import pytest

from tests.integration.world import deep, event, writing

pytestmark = pytest.mark.anyio

HALF = "half \ud83d"
WHOLE = "half \ufffd"


async def everywhere(running, http, job_id):
    """What is said of a job in the broker, the ledger, the list, its stream and its events; all of it is UTF-8."""
    [fact] = await running.ended(job_id)
    alone = await http.get(f"/jobs/{job_id}")
    listed = await http.get("/jobs", params={"limit": 500})
    events = await http.get(f"/jobs/{job_id}/events")
    assert [answer.status_code for answer in (alone, listed, events)] == [200] * 3
    lines = [line.removeprefix(b"data: ") for line in events.content.splitlines() if line.startswith(b"data: ")]
    [row] = await running.rows(f"SELECT result::text, error::text FROM jobs WHERE job_id = '{job_id}'")  # noqa: S608
    for told in (fact.body, alone.content, listed.content, *lines, row["result"] or row["error"]):
        orjson.loads(told)  # which takes no half pair, escaped or not
    return fact, alone.json(), [orjson.loads(entry["data"]) for entry in await running.entries(job_id)]


async def test_half_a_surrogate_pair_of_a_model_is_replaced_wherever_it_leaves(running, http, job_id):
    await running.publish(event(job_id, {"say": HALF}))
    fact, shown, entries = await everywhere(running, http, job_id)
    assert (fact.word, fact.data["attempts"], fact.data["result"]["output"]) == ("completed", 1, WHOLE)
    assert shown["result"] == fact.data["result"]
    assert "".join(entry["text"] for entry in entries if "text" in entry) == WHOLE


async def test_half_a_surrogate_pair_that_goes_on_to_a_tool_and_back_ends_its_job(running, http, job_id):
    """The provider's own client refuses it, once: what it gets at the next attempt comes from a checkpoint."""
    turns = ({"say": HALF, "call": [writing("/a", HALF)]}, {"say": HALF})
    await running.publish(event(job_id, *turns, definition=deep()))
    fact, shown, _ = await everywhere(running, http, job_id)
    assert (fact.word, fact.data["result"]) == ("completed", shown["result"])
    assert shown["result"]["output"] == WHOLE


async def test_half_a_surrogate_pair_in_an_error_is_replaced_wherever_it_leaves(running, http, job_id):
    await running.publish(event(job_id, {"status": 400, "say": HALF}))
    fact, shown, _ = await everywhere(running, http, job_id)
    assert (fact.word, shown["error"]) == ("failed", fact.data["error"])
    assert WHOLE in shown["error"]["message"]
