"""What the ledger knows of a thread's runs and its stream does not tell. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from executor.jobs.entries import Entry, Place, StreamEntry, Type
from executor.jobs.job import TERMINAL, Job

LAST_WORDS_SECONDS = 1.0  # how long what a job said before its end may still be on its way


@dataclass(frozen=True)
class Known:
    """The jobs of which the end is known, and the questions that were told."""

    ended: Collection[str]
    asked: Collection[str]


def missed(jobs: Sequence[Job], known: Known, place: Place, now: datetime) -> Iterator[StreamEntry]:
    """Entries in place of those that are lost, or never were: the newest job is the first of `jobs`."""
    for job in reversed(jobs):
        if job.job_id in known.ended or _is_fresh(job, now):
            continue
        if job.status == "interrupted":
            for question in (job.result or {}).get("interrupts", ()):
                if question["id"] not in known.asked:
                    yield _made(job, place, "interrupt", question)
        elif job.status in TERMINAL:
            yield _made(job, place, "end", {"status": job.status})


def _is_fresh(job: Job, now: datetime) -> bool:
    return job.finished_at is not None and (now - job.finished_at).total_seconds() < LAST_WORDS_SECONDS


def _made(job: Job, place: Place, word: Type, data: dict[str, str]) -> StreamEntry:
    return StreamEntry(place, Entry(job.thread_id, job.job_id, job.attempts, word, "", data).fields())
