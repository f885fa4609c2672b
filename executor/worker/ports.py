"""What the worker needs of the world, as narrow as its need; the adapters satisfy it silently."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from executor.jobs.agents import UNRESOLVED, Resolved
from executor.jobs.claims import Applicant, Claim, Finished, GoesOn, NotClaimed, Tries, Waiting, Wake
from executor.jobs.entries import Entry, EntryBody
from executor.jobs.job import Identity, JobRequest, Message, Origin, Outcome, Result

Emit = Callable[[EntryBody], None]


class Delivery(Protocol):
    """One delivery of a job's message."""

    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def headers(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102
    @property
    def stream(self) -> str: ...  # noqa: D102
    @property
    def sequence(self) -> int: ...  # noqa: D102

    async def ack(self) -> None:
        """Done with."""

    async def nak(self, after: float = 0.0) -> None:
        """Deliver it again after so many seconds."""

    async def in_progress(self) -> None:
        """Still at it."""


class Broker(Protocol):
    """Where jobs come from and facts go to."""

    async def take(self) -> Delivery | None:
        """The next job, if there is one soon; raises TryAgain."""

    async def publish(self, message: Message) -> None:
        """Publish and wait until it is stored; raises TryAgain, or ExecutorError when it can never be."""

    async def announce(self, message: Message) -> None:
        """Publish what is no promise, without waiting; raises ExecutorError."""


class Ledger(Protocol):
    """Who works on what; every method raises TryAgain."""

    async def claim(
        self,
        job: Identity,
        not_before: datetime | None = None,
        replay: int | None = None,
        resolved: Resolved = UNRESOLVED,
    ) -> Claim | NotClaimed:
        """Take the job and count the attempt."""

    async def ended(self, job_id: str) -> tuple[str, Finished] | None:
        """The thread and the outcome of a job that has one."""

    async def renew(self, claims: Iterable[Claim]) -> Mapping[str, bool]:
        """The ids of those that are still ours, and whether each is to be ended."""

    async def tally(self, claim: Claim) -> Tries:
        """How the attempt stands that failed; raises LeaseLost."""

    async def release(self, claim: Claim, after: float = 0.0, *, unused: bool) -> None:
        """Back to the queue, for in so many seconds."""

    async def postpone(self, claim: Claim, origin: Origin, after: float, gate: str | None) -> None:
        """Keep it here for so many seconds, as no attempt; raises LeaseLost."""

    async def finish(self, claim: Claim, outcome: Outcome, kept: Origin | None = None) -> bool:
        """Write the outcome; whether the job goes on at once, being answered already; raises LeaseLost."""

    async def mark_and_wake(self, thread_id: str, published: Sequence[Message]) -> Sequence[Wake]:
        """The broker has them; whom to wake on the thread."""

    async def reject(self, job: Identity, outcome: Outcome) -> None:
        """Write down a job that failed before any worker began with it."""

    async def promise(self, messages: Sequence[Message]) -> None:
        """Promise messages that belong to no job."""

    async def published(self, messages: Sequence[Message]) -> None:
        """The broker has them."""


class WaitingRoom(Protocol):
    """What waits in the ledger; every method raises TryAgain."""

    async def park(self, waiting: Sequence[Applicant]) -> Collection[str]:
        """Keep jobs of a thread here until it is free or their time has come; the ids of those that must wait."""

    async def goes_on(self, thread_id: str) -> GoesOn | None:
        """Who has begun on the thread, or is about to, and has no worker."""

    async def waiting(self, job_id: str) -> Waiting | None:
        """The job that waits here, and its message."""

    async def unknown(self, after: int, before: int) -> Sequence[int]:
        """Places in the stream that no job of the ledger came from."""

    async def seen(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have their place in the order, or have ended."""


class Run(Protocol):
    """A job on its graph."""

    @property
    def is_answer(self) -> bool:
        """Whether it goes on from people's answers."""

    async def finish(self) -> Result:
        """To the end; raises Drained."""

    async def asked(self) -> list[dict[str, Any]]:
        """What it asks people now."""

    def drain(self) -> None:
        """Stop at the next step."""


class Agents(Protocol):
    """Who can run jobs."""

    def resolve(self, job: JobRequest) -> Resolved:
        """What the job asks for, as it is known here now; never fails."""

    async def open(self, job: JobRequest, claim: Claim, emit: Emit) -> Run:
        """A run of the job under the claim; raises Rejected."""


class EntrySink(Protocol):
    """Where entries go."""

    def emit(self, entry: Entry) -> None:
        """At once, and never failing."""

    async def written(self) -> None:
        """Until all that was handed over so far is written, or cannot be."""
