"""How a job ends, in full: its state in the ledger and the messages that say so. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from executor.events import Fact, Word, render
from executor.jobs import Claim, Interrupted, JobRequest, Message, Outcome, Result
from executor.settings import NatsSettings
from executor.verdict import DeadLetter


@dataclass(frozen=True)
class Origin:
    """The message that asked for the job, as it came; `place` is `<stream>:<sequence>`."""

    place: str
    subject: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Outcomes:
    """Makes outcomes; `limit` is the broker's largest message in bytes."""

    nats: NatsSettings
    source: str
    limit: int

    def started(self, job: JobRequest) -> Message:
        """A worker has begun with the job."""
        return self._say("started", job, {"job_id": job.job_id})

    def ended(self, job: JobRequest, claim: Claim, result: Result, seconds: float) -> Outcome:
        """The graph came to its end, or waits for a person's answer."""
        if isinstance(result, Interrupted):
            data: dict[str, Any] = {"job_id": job.job_id, "interrupts": result.interrupts}
            return Outcome("interrupted", None, None, (self._say("interrupted", job, data),))
        value = {"output": result.output, "final_state": result.final_state}
        duration_ms = round(seconds * 1000)
        data = {"job_id": job.job_id, "result": value, "attempts": claim.attempt, "duration_ms": duration_ms}
        return Outcome("completed", value, None, (self._say("completed", job, data),), duration_ms)

    def failed(self, job: JobRequest, origin: Origin, cause: DeadLetter, attempts: int) -> Outcome:
        """The job will never complete: a failed event, and its message among the dead letters."""
        error = {"type": cause.type, "message": cause.message, "retryable": cause.retryable, "attempts": attempts}
        event = self._say("failed", job, {"job_id": job.job_id, "error": error})
        return Outcome("failed", None, error, (event, self.dead_letter(job.job_id, origin, cause.reason, attempts)))

    def dead_letter(self, about: str, origin: Origin, reason: str, attempts: int) -> Message:
        """The original bytes and headers, with the reason beside them."""
        # NATS's own headers are orders to the server about the first publication: the second must not obey them.
        headers = {name: value for name, value in origin.headers.items() if not name.lower().startswith("nats-")}
        added = {"Dlq-Reason": reason, "Dlq-Attempts": str(attempts), "Dlq-Subject": origin.subject}
        return Message(f"{quote(about, safe=':')}:dlq", self.nats.subject("dlq", reason), headers | added, origin.body)

    def _say(self, word: Word, job: JobRequest, data: dict[str, Any]) -> Message:
        fact = Fact(word, job.job_id, data, job.traceparent)
        headers, body = render(fact, self.source)
        if len(body) > self.limit:
            headers, body = render(_by_reference(fact), self.source)
        return Message(fact.id, self.nats.subject("status", word), headers, body)


def _by_reference(fact: Fact) -> Fact:
    """The same fact with its result left where the ledger has it (CloudEvents' `dataref` extension)."""
    rest = {key: value for key, value in fact.data.items() if key != "result"}
    return replace(fact, data=rest, dataref=f"/jobs/{quote(fact.subject, safe='')}")
