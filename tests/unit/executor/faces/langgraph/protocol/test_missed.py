"""What the ledger knows and the stream does not tell is told in its place."""

from datetime import timedelta

from executor.faces.langgraph.protocol.missed import Known, missed
from executor.jobs.entries import Place
from executor.jobs.job import Job
from tests.fakes import EPOCH

NOW = EPOCH + timedelta(minutes=1)
PLACE = Place(7, 0)


def job(name, status, finished=None, **result):
    return Job(name, "t", status, 2, EPOCH, None, finished, None, result or None, None)


def told(*jobs, ended=(), asked=()):
    found = [*missed(jobs, Known(ended, asked), PLACE, NOW)]
    assert {entry.place for entry in found} <= {PLACE}
    return [(entry.job, entry.type, entry.fields["data"]) for entry in found]


def test_ends_and_open_questions_are_told_the_oldest_first():
    asks = job("asks", "interrupted", interrupts=[{"id": "i", "value": "?"}, {"id": "k", "value": "?"}])
    jobs = [job("queued", "queued"), asks, job("failed", "failed", EPOCH), job("done", "completed", EPOCH)]
    assert told(*jobs, ended={"done"}, asked={"i"}) == [
        ("failed", "end", '{"status":"failed"}'),
        ("asks", "interrupt", '{"id":"k","value":"?"}'),
    ]


def test_of_a_job_that_has_just_ended_the_last_words_are_waited_for():
    assert told(job("done", "completed", NOW)) == []
    assert told(job("done", "completed", NOW - timedelta(seconds=1))) == [("done", "end", '{"status":"completed"}')]
