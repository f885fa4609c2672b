"""The stateful model of the ledger, and that it finds the bugs which it is there for."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from executor.ledger.sql import sweeps, worker
from tests.integration.durable.machine import Book, Machine

pytestmark = pytest.mark.anyio

RUN = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    report_multiple_bugs=False,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


async def test_the_ledger_does_what_the_model_says(postgres):
    await asyncio.to_thread(play, postgres, RUN)


BUGS = {
    "an outcome is not fenced": (worker, "FINISH", "AND jobs.epoch = asked.epoch", ""),
    "a release is not fenced": (worker, "RELEASE", "AND epoch = %(epoch)s ", ""),
    "a renewal is not fenced": (worker, "RENEW", "AND jobs.epoch = claimed.epoch", ""),
    "a claim does not raise the epoch": (worker, "CLAIM", "epoch = job.epoch + 1", "epoch = job.epoch"),
    "a claim does not look at the lease": (worker, "CLAIM", "AND coalesce(job.lease_until <= now(), true)", ""),
    "nobody is woken": (sweeps, "WAKE_DUE", "status = 'parked' AND job_id IN (", "false AND job_id IN ("),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_the_model_finds(postgres, monkeypatch, bug):
    module, name, right, wrong = BUGS[bug]
    statement = getattr(module, name)
    assert right in statement
    monkeypatch.setattr(module, name, statement.replace(right, wrong))
    with pytest.raises(AssertionError):
        await asyncio.to_thread(play, postgres, settings(RUN, max_examples=400))


def play(postgres, how):
    book = Book(postgres)
    try:
        run_state_machine_as_test(type("Bound", (Machine,), {"book": book}), settings=how)
    finally:
        book.close()
