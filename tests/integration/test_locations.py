"""Ids that make no path: each location can be fetched all the same."""

import json
from urllib.parse import quote

import pytest

from tests.integration.durable.aftermath import becomes
from tests.integration.world import STRUCTURED, deep, event, unique, writing

pytestmark = pytest.mark.anyio

BATCH = {"content-type": "application/cloudevents-batch+json"}

ODD_IDS = [
    "x/events",
    "x/cancel",
    "x/resume",
    "..",
    ".",
    "~..",
    "~.",
    "a\nb",
    "a\r\n",
    "%2e%2e",
    "a/../b",
    "\\..\\",
    "?",
    "~",
]


@pytest.mark.parametrize("job_id", ODD_IDS)
async def test_each_location_leads_to_its_job_and_to_what_it_does(running, http, job_id):
    """The ids are whole here: nothing before them makes them harmless."""
    asked = event(job_id, {"say": "", "call": [writing("/note")]}, definition=deep(interrupt_on={"write_file": True}))
    batch = await http.post("/", json=[asked], headers=BATCH)
    single = await http.post("/", json=asked, headers=STRUCTURED)
    location = single.headers["location"]
    receipt = {"job_id": job_id, "location": location}
    assert (single.json(), batch.json()) == (receipt, {"jobs": [receipt]})
    await becomes(running, job_id, "interrupted")
    assert (await http.get(location)).json()["job_id"] == job_id
    assert (await http.post(f"{location}/resume", json={"resume": {"decisions": [{"type": "approve"}]}})).json()[
        "job_id"
    ] == job_id
    await running.ended(job_id)
    events = await http.get(f"{location}/events")
    jobs = {json.loads(line[6:])["job"] for line in events.text.splitlines() if line.startswith("data: ")}
    assert jobs == {job_id}
    assert (await http.post(f"{location}/cancel")).status_code == 409


async def test_a_location_as_it_was_made_before_leads_to_its_job(running, http):
    job_id = f"{unique()}/a/b"
    await http.post("/", json=event(job_id), headers=STRUCTURED)
    await running.ended(job_id)
    for path in (f"/jobs/{job_id}", f"/jobs/{quote(job_id, safe='')}"):
        assert (await http.get(path)).json()["job_id"] == job_id
