"""CloudEvents in both content modes: a job comes in, a fact goes out. Pure.

The rules are those of CloudEvents 1.0 and its NATS protocol binding, whose headers are spelled as the HTTP binding's.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_structured
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract import EVENT_TYPE_PREFIX, EXECUTE_TYPE, WAKE_TYPE
from executor.errors import Rejected
from executor.jobs.job import JobRequest
from executor.jobs.validation import describe, unstorable, unstorable_in

INVALID = "invalid_event"
STRUCTURED = "application/cloudevents"
JSON = JSONFormat()

ACCEPTED = frozenset({EXECUTE_TYPE})
LONGEST_ID = 255
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context


Word = Literal["started", "progress", "interrupted", "completed", "failed", "cancelled"]
Headers = Mapping[str, str]


class JobData(BaseModel):
    """The data of an `agent.execute` event."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)

    job_id: str = Field(min_length=1, max_length=LONGEST_ID)
    trace_id: str | None = None
    thread_id: str | None = Field(None, min_length=1, max_length=LONGEST_ID)
    agent_definition: dict[str, Any]
    input_payload: dict[str, Any]
    context: dict[str, Any] | None = None
    recursion_limit: int | None = Field(None, gt=0)


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


@dataclass(frozen=True)
class WakeUp:
    """Our own message: a job that waits in the ledger need not wait any more."""

    job_id: str


class Invalid(Rejected):
    """An event that makes no job; `job_id` is there when it names one all the same."""

    def __init__(self, message: str, job_id: str | None = None) -> None:
        super().__init__(INVALID, message)
        self.job_id = job_id


def parse(headers: Headers, body: bytes, accepted: frozenset[str] = ACCEPTED) -> JobRequest:
    """The job that an event asks for; raises Invalid that says which field is wrong."""
    asked = read(headers, body, accepted)
    if isinstance(asked, WakeUp):
        raise Invalid(f"type: {WAKE_TYPE!r} is the workers' own")
    return asked


def read(headers: Headers, body: bytes, accepted: frozenset[str] = ACCEPTED) -> JobRequest | WakeUp:
    """The job that an event asks for or wakes; raises Invalid that says which field is wrong.

    Binary mode has a `ce-specversion` header and JSON data as its body; anything else is read as structured mode,
    with or without its content type, since the specification's own example has none.
    """
    names = {name.lower(): value for name, value in headers.items()}
    event = _event(names, body)
    data = _object(event.get_data())
    try:
        if event.get_type() == WAKE_TYPE:
            return WakeUp(_wake_data(data))
        _check_type(event.get_type(), accepted)
        return _request(event, _job_data(data), names)
    except Invalid as error:
        raise Invalid(str(error), _name(data)) from None


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
    message = to_structured(CloudEvent(attributes, fact.data), JSON)
    return message.headers, message.body


def render_wake(job_id: str, identity: str, source: str) -> tuple[dict[str, str], bytes]:
    """The headers and body of a message that wakes a job."""
    attributes = {"id": identity, "source": source, "type": WAKE_TYPE, "datacontenttype": "application/json"}
    message = to_structured(CloudEvent(attributes, {"job_id": job_id}), JSON)
    return message.headers, message.body


def _event(headers: Headers, body: bytes) -> BaseCloudEvent:
    message = HTTPMessage(dict(headers), body)
    structured = headers.get("content-type", "").startswith(STRUCTURED) or "ce-specversion" not in headers
    read = from_structured if structured else from_binary
    try:
        return read(message, JSON, _strict_event)
    except UnicodeDecodeError:
        raise Invalid("the event is not UTF-8") from None
    except RecursionError:
        raise Invalid("the event is nested too deeply") from None
    except (ValueError, TypeError, AttributeError):
        raise _malformed(headers, body, structured=structured) from None


def _malformed(headers: Headers, body: bytes, *, structured: bool) -> Invalid:
    """What the SDK could not read; only a time or base64 can be wrong where there is an event at all."""
    try:
        event = json.loads(body) if structured else {"time": headers.get("ce-time"), "data": json.loads(body)}
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not event.keys() & {"time", "data_base64"}:
        return Invalid("the event is not a CloudEvent in JSON")
    if "data_base64" in event and not _is_base64(event["data_base64"]):
        return Invalid("data_base64: is not base64")
    return Invalid("time: is not a timestamp (RFC 3339)", _name(event.get("data")))


def _is_base64(text: Any) -> bool:
    try:
        base64.b64decode(text)
    except (ValueError, TypeError):
        return False
    return True


def _strict_event(attributes: dict[str, Any], data: Any) -> BaseCloudEvent:
    # The SDK gives an event without an id a random one, and then the same event twice would be two events.
    missing = [name for name in ("specversion", "id", "source", "type") if not attributes.get(name)]
    if missing:
        raise Invalid(f"{missing[0]}: the event has no {missing[0]}", _name(data))
    try:
        return CloudEvent(attributes, data)
    except CloudEventValidationError as error:
        raise Invalid("; ".join(_attribute_complaints(error)), _name(data)) from None


def _attribute_complaints(error: CloudEventValidationError) -> Iterator[str]:
    for name, problems in error.errors.items():
        words = str(problems[0]).removeprefix(f"Attribute '{name}' ").replace("a <class 'str'>", "a string")
        yield f"{name}: {words}"


def _moment(event: BaseCloudEvent, name: str) -> datetime | None:
    """An extension attribute that is a timestamp."""
    given = event.get_extension(name)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except (ValueError, TypeError):
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
    job_id = _name(data)
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
        return JobData.model_validate(data)
    except ValidationError as error:
        raise Invalid("; ".join(describe(error, "data"))) from None


def _name(data: Any) -> str | None:
    """The job's id, if there is a good one in an event that is otherwise wrong."""
    job_id = data.get("job_id") if isinstance(data, dict) else None
    good = isinstance(job_id, str) and 0 < len(job_id) <= LONGEST_ID and unstorable(job_id) is None
    return job_id if good else None


def _loads(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Invalid("data: is not JSON") from None
