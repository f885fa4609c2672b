"""What the suite asks for, and how it reads what comes back."""

import json
from itertools import islice
from typing import Any

from executor.jobs.envelope import Invalid
from executor.jobs.events import parse
from tests.chaos.broken import BROKEN
from tests.chaos.client import fact_of
from tests.chaos.history import Fact
from tests.chaos.invariants import INVARIANTS
from tests.chaos.jobs import about, orders, told


def read(order):
    try:
        return parse({"content-type": "application/json", **order.headers}, order.body)
    except Invalid:
        return None


def test_the_same_seed_asks_for_the_same_jobs():
    first, again, other = (list(islice(orders(seed), 50)) for seed in (1, 1, 2))
    assert first == again != other


def test_every_job_names_itself_and_its_thread():
    for order in islice(orders(3), 300):
        job = read(order)
        if job is not None:
            assert (job.job_id, job.thread_id) == (order.asked.job, order.asked.thread)
        else:
            assert order.asked.letters == ("invalid_event",)


def test_a_call_is_known_by_its_last_prompt_and_the_replies_since():
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Job chaos-1-1. x"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": [{"type": "text", "text": "Job chaos-1-2. x"}]},
        {"role": "assistant", "content": "a"},
        {"role": "tool", "content": "b"},
    ]
    assert about(messages) == ("chaos-1-2", 1)


def test_a_conversation_counts_the_replies_to_each_prompt():
    state = {
        "messages": [
            {"type": "human", "data": {"content": "Job chaos-1-1. x"}},
            {"type": "ai", "data": {}},
            {"type": "tool", "data": {}},
            {"type": "ai", "data": {}},
            {"type": "human", "data": {"content": "Job chaos-1-2. x"}},
        ]
    }
    assert told(state) == (("chaos-1-1", 2), ("chaos-1-2", 0))
    event = {"id": "1", "subject": "chaos-1-2", "data": {"result": {"final_state": state}}}
    assert fact_of(json.dumps(event).encode(), "completed", 2.0) == Fact(
        2.0, "1", "completed", "chaos-1-2", told(state)
    )


def test_each_invariant_has_a_bug_that_breaks_it():
    assert {bug.breaks for bug in BROKEN.values()} == set(INVARIANTS)
