"""Where one who comes to a thread begins to be told of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from executor.jobs.entries import BEGINNING, Place
from executor.jobs.job import TERMINAL, Job

SKEW_MS = 60_000  # of the clocks of Postgres and Dragonfly; what a run says comes no earlier than this before it
FRESH_MS = 5_000  # how long a run that has ended may be one that somebody has just asked for


@dataclass(frozen=True)
class Beginning:
    """What is read begins at `place`; the entries of jobs in `over` are passed over, and none before `since` is told.

    Of the jobs in `ended` the end is known.
    """

    place: Place
    over: frozenset[str] = frozenset()
    since: Place = BEGINNING
    ended: frozenset[str] = frozenset()


def beginning(jobs: Sequence[Job], since: Place | None, *, now: datetime, heard: str | None, only: bool) -> Beginning:
    """`jobs` are the thread's latest, the newest first; without `since` it is the current run, or else the last.

    Who watches `only` for the end of a run must not take the last one's for that of the next, which they are about to
    ask for, and not miss that of the one that they have just asked for: the last counts for a moment, unless it is
    `heard`, the one whose end was last told here.
    """
    if since is not None:
        return _again(jobs, since)
    current = [job for job in jobs if job.status not in TERMINAL] or list(jobs[:1])
    told = current if not only else [job for job in current if _is_news(job, heard, now)]
    over = frozenset(job.job_id for job in jobs) - {job.job_id for job in told}
    return Beginning(min(map(_bound, current), default=BEGINNING), over, ended=over)


def _again(jobs: Sequence[Job], since: Place) -> Beginning:
    """Before the first entry of the run that was under way then: what a message says depends on how it began."""
    under_way = [job for job in jobs if job.finished_at is None or _ms(job.finished_at) + SKEW_MS >= since.milliseconds]
    place = min([since, *map(_bound, under_way or jobs[:1])]) if jobs else BEGINNING
    known = [job for job in jobs if job.finished_at and _ms(job.finished_at) <= since.milliseconds + FRESH_MS]
    return Beginning(place, since=since, ended=frozenset(job.job_id for job in known))


def _is_news(job: Job, heard: str | None, now: datetime) -> bool:
    if job.finished_at is None:
        return True
    return job.job_id != heard and _ms(now) - _ms(job.finished_at) < FRESH_MS


def _bound(job: Job) -> Place:
    return Place(max(0, _ms(job.created_at) - SKEW_MS), 0)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
