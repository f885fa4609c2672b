"""What must be so when everything has come to rest, as a client and as the database see it."""

from collections import Counter

from executor.embedded.loopback import wait_until
from tests.integration.world import TERMINAL, World


async def state(place: World, job: str) -> str | None:
    """What the ledger says of a job."""
    states = {row["job_id"]: row["status"] for row in await place.rows("SELECT job_id, status FROM jobs")}
    return states.get(job)


async def becomes(place: World, job: str, status: str) -> None:
    async def is_so() -> bool:
        return await state(place, job) == status

    await wait_until(f"{job} is {status}", is_so)


async def at_rest(place: World, *jobs: str, limit: float = 60) -> dict[str, str]:
    """Wait for the end of all that goes on; the word that each job ended with, said once."""

    async def rests() -> bool:
        unmarked = await place.rows("SELECT id FROM outbox WHERE published_at IS NULL")
        unfinished = await place.rows("SELECT job_id FROM jobs WHERE finished_at IS NULL")
        told = {fact.event["subject"] for fact in await place.terminal()}
        return not unmarked and not unfinished and set(jobs) <= told and not await place.unfinished()

    await wait_until("everything has come to rest", rests, limit, every=0.1)
    facts = await place.terminal()
    ids = Counter(fact.event["id"] for fact in facts)
    assert set(ids.values()) <= {1}, ids
    words = {fact.event["subject"]: fact.word for fact in facts}
    assert len(words) == len(ids), ids
    ledger = await place.rows("SELECT job_id, status FROM jobs")
    assert {row["job_id"]: row["status"] for row in ledger} == words
    assert set(words.values()) <= set(TERMINAL)
    return words
