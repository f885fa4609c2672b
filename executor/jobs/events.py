"""Events: one that asks for a job comes in, a fact goes out. Pure.

The rules are those of CloudEvents 1.0 and its NATS protocol binding, whose headers are spelled as the HTTP binding's.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote

from cloudevents.core.base import BaseCloudEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract import EVENT_TYPE_PREFIX, EXECUTE_TYPE, WAKE_TYPE
from executor.jobs.envelope import LONGEST_ID, Headers, Invalid, named, pack, timestamp, unpack
from executor.jobs.job import JobRequest
from executor.jobs.validation import describe, unstorable_in

ACCEPTED = frozenset({EXECUTE_TYPE})
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context


MOST_NOTES = 32
Name = Annotated[str, Field(min_length=1, max_length=64)]
Note = Annotated[str, Field(max_length=1024)]
Word = Literal["started", "progress", "interrupted", "completed", "failed", "cancelled"]


class JobData(BaseModel):
    """The data of an `agent.execute` event."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    job_id: str = Field(min_length=1, max_length=LONGEST_ID)
    trace_id: str | None = None
    thread_id: str | None = Field(None, min_length=1, max_length=LONGEST_ID)
    agent_definition: dict[str, Any]
    input_payload: dict[str, Any] | None
    context: dict[str, Any] | None = None
    recursion_limit: int | None = Field(None, gt=0)
    metadata: dict[Name, Note] | None = Field(None, max_length=MOST_NOTES)
    checkpoint_id: str | None = Field(None, min_length=1, max_length=LONGEST_ID)


@dataclass(frozen=True)
class Fact:
    """What became of a job, for `agent.status.<word>`; `subject` is its id, `dataref` says where the rest is."""

    word: Word
    subject: str
    data: dict[str, Any]
    traceparent: str | None = None
    dataref: str | None = None
    nth: str = ""  # tells facts of one word apart

    @property
    def id(self) -> str:
        """The same for the same outcome of the same job, so that seeing it twice is seeing one fact."""
        return ":".join(filter(None, (quote(self.subject, safe=":"), self.word, self.nth)))


def jobs_in(fact_id: str, word: str) -> list[str]:
    """The jobs that a fact of this id and word may be about: more than one where the id of the job bears the word."""
    parts = fact_id.split(f":{word}")
    return [unquote(f":{word}".join(parts[:count])) for count in range(1, len(parts))]


@dataclass(frozen=True)
class WakeUp:
    """Our own message: a job that waits in the ledger need not wait any more."""

    job_id: str


def parse(headers: Headers, body: bytes, accepted: frozenset[str] = ACCEPTED) -> JobRequest:
    """The job that an event asks for; raises Invalid that says which field is wrong."""
    asked = read(headers, body, accepted)
    if isinstance(asked, WakeUp):
        raise Invalid(f"type: {WAKE_TYPE!r} is the workers' own")
    return asked


def read(headers: Headers, body: bytes, accepted: frozenset[str] = ACCEPTED) -> JobRequest | WakeUp:
    """The job that an event asks for or wakes; raises Invalid that says which field is wrong."""
    names = {name.lower(): value for name, value in headers.items()}
    event = unpack(names, body)
    data = _object(event.get_data())
    try:
        if event.get_type() == WAKE_TYPE:
            return WakeUp(_wake_data(data))
        _check_type(event.get_type(), accepted)
        return _request(event, _job_data(data), names)
    except Invalid as error:
        raise Invalid(str(error), named(data)) from None


def _request(event: BaseCloudEvent, job: JobData, headers: Headers) -> JobRequest:
    return JobRequest(
        job_id=job.job_id,
        thread_id=job.thread_id or job.job_id,
        agent_definition=job.agent_definition,
        input_payload=job.input_payload,
        trace_id=job.trace_id,
        traceparent=_traceparent(event.get_extension("traceparent") or headers.get("traceparent")),
        not_before=_moment(event, "notbefore"),
        expires_at=_moment(event, "expirytime"),
        multitask=_multitask(event.get_extension("multitask")),
        context=job.context,
        recursion_limit=job.recursion_limit,
        metadata=job.metadata,
        checkpoint_id=job.checkpoint_id,
    )


def render(fact: Fact, source: str) -> tuple[dict[str, str], bytes]:
    """The headers and body of a fact, in structured mode."""
    attributes = {
        "id": fact.id,
        "source": source,
        "type": f"{EVENT_TYPE_PREFIX}.{fact.word}",
        "subject": fact.subject,
        "datacontenttype": "application/json",
    }
    extensions = {"traceparent": fact.traceparent, "dataref": fact.dataref}
    attributes |= {name: value for name, value in extensions.items() if value}
    return pack(attributes, fact.data)


def render_wake(job_id: str, identity: str, source: str) -> tuple[dict[str, str], bytes]:
    """The headers and body of a message that wakes a job."""
    attributes = {"id": identity, "source": source, "type": WAKE_TYPE, "datacontenttype": "application/json"}
    return pack(attributes, {"job_id": job_id})


def _moment(event: BaseCloudEvent, name: str) -> datetime | None:
    """An extension attribute that is a timestamp."""
    given = event.get_extension(name)
    if given is None:
        return None
    try:
        moment = timestamp(given)
    except ValueError:
        raise Invalid(f"{name}: is not a timestamp (RFC 3339)") from None
    if moment.tzinfo is None:
        raise Invalid(f"{name}: has no time zone")
    return moment


def _multitask(given: Any) -> str:
    if given is None:
        return "enqueue"
    if not isinstance(given, str) or given not in {"enqueue", "reject"}:
        raise Invalid("multitask: must be 'enqueue' or 'reject'")
    return given


def _wake_data(data: dict[str, Any]) -> str:
    job_id = named(data)
    if job_id is None:
        raise Invalid("data.job_id: is missing")
    return job_id


def _traceparent(given: Any) -> str | None:
    """One that is malformed is to be ignored, says its specification; it may be anything, and of any size."""
    return given if isinstance(given, str) and TRACEPARENT.fullmatch(given) else None


def _check_type(given: str, accepted: frozenset[str]) -> None:
    if given not in accepted:
        raise Invalid(f"type: {given!r} is not accepted here, {' or '.join(sorted(accepted))} is")


def _object(data: Any) -> dict[str, Any]:
    value = _loads(data) if isinstance(data, str | bytes) else data
    if not isinstance(value, dict):
        raise Invalid("data: is not a JSON object")
    return value


def _job_data(data: dict[str, Any]) -> JobData:
    if complaint := unstorable_in(data):
        raise Invalid(complaint)
    try:
        job = JobData.model_validate(data)
    except ValidationError as error:
        raise Invalid("; ".join(describe(error, "data"))) from None
    if job.input_payload is None and job.checkpoint_id is None:
        raise Invalid("data.input_payload: must be an object")  # but where the job goes on from a checkpoint
    return job


def _loads(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Invalid("data: is not JSON") from None
