"""CloudEvents 1.0, from the wire and to it: bytes and headers in either content mode become one event. Pure."""

import base64
import codecs
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from executor.errors import Rejected
from executor.jobs.validation import unstorable
from executor.values import dumps

INVALID = "invalid_event"
STRUCTURED = "application/cloudevents"
PREFIX = "ce-"
JSON = JSONFormat()
LONGEST_ID = 255
LEAP = re.compile(r"(?<=[T ]\d\d:\d\d:)60")

Headers = Mapping[str, str]


class Invalid(Rejected):
    """An event that makes no job; `job_id` is there when it names one all the same."""

    def __init__(self, message: str, job_id: str | None = None) -> None:
        super().__init__(INVALID, message)
        self.job_id = job_id


def unpack(headers: Headers, body: bytes) -> BaseCloudEvent:
    """The event in a message whose headers have lower-case names; raises Invalid that says which field is wrong.

    Binary mode has a `ce-specversion` header; anything else is read as structured mode, with or without its content
    type, since the specification's own example has none.
    """
    content = body.removeprefix(codecs.BOM_UTF8)
    structured = headers.get("content-type", "").startswith(STRUCTURED) or "ce-specversion" not in headers
    try:
        return _structured(content) if structured else _binary(headers, content)
    except RecursionError:
        raise Invalid("the event is nested too deeply") from None


def pack(attributes: dict[str, Any], data: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """The headers and body of an event of ours, in structured mode."""
    event = CloudEvent(attributes, data)  # which adds its version and its time
    return {"content-type": JSON.get_content_type()}, dumps({**event.get_attributes(), "data": data})


def timestamp(given: Any) -> datetime:
    """A moment as RFC 3339 writes it, in either case; second 60 is the one after 59. Raises ValueError."""
    if not isinstance(given, str):
        raise ValueError(given)  # noqa: TRY004 - its caller tells one kind of wrong
    written = given.upper()
    earlier = LEAP.sub("59", written)
    try:
        return datetime.fromisoformat(earlier) + timedelta(seconds=earlier != written)
    except OverflowError:
        raise ValueError(given) from None


def named(data: Any) -> str | None:
    """The job's id, if there is a good one in an event that is otherwise wrong."""
    job_id = data.get("job_id") if isinstance(data, dict) else None
    good = isinstance(job_id, str) and 0 < len(job_id) <= LONGEST_ID and unstorable(job_id) is None
    return job_id if good else None


def _structured(body: bytes) -> BaseCloudEvent:
    event = _object(body)
    attributes = {name: value for name, value in event.items() if value is not None}  # null is absent, says the format
    data = attributes.pop("data", None)
    if data is None and "data_base64" in attributes:
        data = _decoded(attributes.pop("data_base64"))
    return _event(attributes, data)


def _binary(headers: Headers, body: bytes) -> BaseCloudEvent:
    attributes: dict[str, Any] = {
        name.removeprefix(PREFIX): unquote(value) for name, value in headers.items() if name.startswith(PREFIX)
    }
    kind = headers.get("content-type")
    return _event(attributes | ({"datacontenttype": kind} if kind is not None else {}), JSON.read_data(body, kind))


def _object(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body.decode())
    except UnicodeDecodeError:
        raise Invalid("the event is not UTF-8") from None
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise Invalid("the event is not a CloudEvent in JSON")
    return event


def _decoded(given: Any) -> bytes:
    try:
        return base64.b64decode(given)
    except (ValueError, TypeError):
        raise Invalid("data_base64: is not base64") from None


def _event(attributes: dict[str, Any], data: Any) -> BaseCloudEvent:
    # The SDK gives an event without an id a random one, and then the same event twice would be two events.
    missing = [name for name in ("specversion", "id", "source", "type") if not attributes.get(name)]
    if missing:
        raise Invalid(f"{missing[0]}: the event has no {missing[0]}", named(data))
    try:
        moment = {"time": timestamp(attributes["time"])} if "time" in attributes else {}
        return CloudEvent(attributes | moment, data)
    except ValueError:
        raise Invalid("time: is not a timestamp (RFC 3339)", named(data)) from None
    except CloudEventValidationError as error:
        raise Invalid("; ".join(_complaints(error)), named(data)) from None


def _complaints(error: CloudEventValidationError) -> Iterator[str]:
    for name, problems in error.errors.items():
        words = str(problems[0]).removeprefix(f"Attribute '{name}' ").replace("a <class 'str'>", "a string")
        yield f"{name}: {words}"
