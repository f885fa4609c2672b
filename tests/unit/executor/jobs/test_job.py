"""What makes two requests the same job."""

from dataclasses import replace

import pytest

from executor.jobs.events import parse
from executor.jobs.job import JobRequest
from tests.unit.executor.jobs import test_events as events

JOB = JobRequest("j", "th", {"nodes": [{"id": "a"}]}, {"messages": ["hï"]})


def test_a_job_without_newer_fields_has_the_digest_that_it_always_had():
    assert JOB.identity().digest.hex() == "477656e61038a73c9f270e2e5e8f6c1c15539d4ca6a5f0a14b3cbb153ca3b81a"


@pytest.mark.parametrize(
    "newer",
    [
        {"context": {}},
        {"context": {"a": 1}},
        {"recursion_limit": 7},
        {"context": {}, "recursion_limit": 7},
        {"metadata": {}},
        {"metadata": {"a": "1"}},
        {"checkpoint_id": "c"},
        {"input_payload": None, "checkpoint_id": "c"},
    ],
)
def test_what_a_job_is_given_beside_its_input_makes_it_another(newer):
    assert replace(JOB, **newer).identity().digest != JOB.identity().digest
    assert replace(JOB, **newer).identity() == replace(JOB, **newer).identity()


def test_the_newer_fields_are_not_mistaken_for_each_other():
    digests = {replace(JOB, context={"recursion_limit": 7}).identity().digest}
    digests |= {replace(JOB, recursion_limit=limit).identity().digest for limit in (7, 8)}
    assert len(digests) == 3


def test_what_is_noted_of_a_job_is_told_as_json_that_a_database_holds():
    noted = replace(JOB, metadata={"who": "Bärbel", "half": "\ud800"})
    assert noted.identity().metadata == '{"who": "B\\u00e4rbel", "half": "\\ufffd"}'
    assert replace(JOB, metadata={}).identity().metadata is None
    assert noted.new_fields == ["metadata"]
    assert JOB.new_fields == []


def test_what_a_job_is_given_beside_its_input_is_read_from_its_event():
    job = parse({}, events.structured(data={**events.DATA, "context": {"user": "u"}, "recursion_limit": 7}))
    assert job == replace(events.JOB, context={"user": "u"}, recursion_limit=7)
