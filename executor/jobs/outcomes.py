"""How a job ends, in full: its state in the ledger and the messages that say so. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from orjson import Fragment

from executor.jobs.answers import Question
from executor.jobs.claims import Claim, Wake
from executor.jobs.events import Fact, Word, render, render_wake
from executor.jobs.job import Interrupted, JobRequest, Message, Origin, Outcome, Result
from executor.jobs.locations import location_of
from executor.jobs.verdict import Failure
from executor.settings import NatsSettings
from executor.values import dumps

LARGE = frozenset({"result", "interrupts"})
LONGEST_MESSAGE = 1000
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110


@dataclass(frozen=True)
class Outcomes:
    """Makes outcomes; `limit` is the broker's largest message in bytes."""

    nats: NatsSettings
    source: str
    limit: int

    def started(self, job: JobRequest) -> Message:
        """A worker has begun with the job."""
        return self._say("started", job, {"job_id": job.job_id})

    def progress(self, job: JobRequest, total: int, cause: str, after: float) -> Message:
        """The attempt that was the job's `total`-th failed, and another will follow in so many seconds."""
        data = {"job_id": job.job_id, "attempt": total, "cause": cause, "retry_after_ms": round(after * 1000)}
        return self._say("progress", job, data, nth=f"{total}")

    def ended(self, job: JobRequest, claim: Claim, result: Result, seconds: float) -> Outcome:
        """The graph came to its end, or waits for a person's answer."""
        if isinstance(result, Interrupted):
            return self._interrupted(job, claim, result)
        state = dumps(result.final_state)  # made once, for the event and for the ledger
        value = {"output": result.output, "final_state": Fragment(state)}
        duration_ms = round(seconds * 1000)
        data = {"job_id": job.job_id, "result": value, "attempts": claim.total, "duration_ms": duration_ms}
        said = self._say("completed", job, data, large=len(state) > self.limit)
        return Outcome("completed", value, None, (said,), duration_ms, size=len(state))

    def _interrupted(self, job: JobRequest, claim: Claim, result: Interrupted) -> Outcome:
        asked = tuple(
            Question(str(each["id"]), claim.turn_of(str(each["id"])), asked=each) for each in result.interrupts
        )
        told: dict[str, Any] = {"interrupts": result.interrupts}
        if result.error:
            told["error"] = result.error
        said = self._say("interrupted", job, {"job_id": job.job_id, **told}, nth=_which(asked))
        return Outcome("interrupted", told, None, (said,), questions=asked)

    def failed(self, job: JobRequest, origin: Origin, cause: Failure, claim: Claim | None = None) -> Outcome:
        """The job will not complete: a failed event, and its message among the dead letters."""
        attempts = claim.total if claim else 0
        letter = self.dead_letter(job.job_id, origin, cause.reason, attempts, nth=_again(claim))
        alone = self.lost(job, cause, claim)
        return replace(alone, messages=(*alone.messages, letter))

    def lost(self, job: JobRequest, cause: Failure, claim: Claim | None = None) -> Outcome:
        """The same of a job whose message is lost."""
        attempts = claim.total if claim else 0
        error = {"type": cause.type, "message": cause.message, "retryable": cause.retryable, "attempts": attempts}
        event = self._say("failed", job, {"job_id": job.job_id, "error": error}, nth=_again(claim))
        return Outcome("failed", None, error, (event,))

    def cancelled(self, job: JobRequest) -> Outcome:
        """Somebody asked for its end."""
        return Outcome("cancelled", None, None, (self._say("cancelled", job, {"job_id": job.job_id}),))

    def wake(self, wake: Wake) -> Message:
        """A small message among the jobs, for one that waits in the ledger: so that it counts as lag."""
        identity = f"{quote(wake.job_id, safe=':')}:wake:{wake.wakes}"
        headers, body = render_wake(wake.job_id, identity, self.source)
        return Message(identity, self.nats.subject("execute", "wake"), headers, body)

    def dead_letter(self, about: str, origin: Origin, reason: str, attempts: int, nth: str = "") -> Message:
        """The original bytes and headers, with the reason beside them."""
        headers = {name: value for name, value in origin.headers.items() if _may_go_on(name)}
        added = {"Dlq-Reason": reason, "Dlq-Attempts": str(attempts), "Dlq-Subject": origin.subject}
        identity = ":".join(filter(None, (quote(about, safe=":"), "dlq", nth)))
        return Message(identity, self.nats.subject("dlq", reason), headers | added, origin.body)

    def _say(self, word: Word, job: JobRequest, data: dict[str, Any], nth: str = "", *, large: bool = False) -> Message:
        fact = Fact(word, job.job_id, data, job.traceparent, nth=nth)
        headers, body = render(_by_reference(fact) if large else fact, self.source)
        if len(body) > self.limit:
            headers, body = render(_by_reference(fact), self.source)
        return Message(fact.id, self.nats.subject("status", word), headers, body)


def _again(claim: Claim | None) -> str:
    """A job that came back from the dead letters may fail once more, and that is a fact of its own."""
    return f"replay-{claim.replay}" if claim and claim.replay else ""


def _which(asked: Sequence[Question]) -> str:
    """Each time that a job is interrupted is a fact of its own, also where any of it is asked again."""
    ids = ",".join(sorted(question.id for question in asked))
    again = sum(question.turn - 1 for question in asked)
    return f"{ids}:{again + 1}" if again else ids


def _may_go_on(header: str) -> bool:
    """NATS's own headers are orders about the first publication; a name that is no token is taken but never sent."""
    return TOKEN.fullmatch(header) is not None and not header.lower().startswith(("nats-", "dlq-"))


def _by_reference(fact: Fact) -> Fact:
    """The same fact with what may be large left where the ledger has it (CloudEvents' `dataref` extension)."""
    rest = {key: value for key, value in fact.data.items() if key not in LARGE}
    if error := rest.get("error"):
        rest["error"] = error | {"message": error["message"][:LONGEST_MESSAGE]}
    return replace(fact, data=rest, dataref=location_of(fact.subject))
