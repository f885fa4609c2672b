"""Events as the format allows them: what may be written in more ways than one."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import EXECUTE_TYPE
from executor.jobs.envelope import timestamp
from executor.jobs.events import Fact, parse, render

DATA = {"job_id": "j", "agent_definition": {}, "input_payload": {}}
ATTRIBUTES = {"specversion": "1.0", "id": "e", "source": "tests", "type": EXECUTE_TYPE}
BINARY = {f"ce-{name}": value for name, value in ATTRIBUTES.items()}
JOB = parse({}, json.dumps({**ATTRIBUTES, "data": DATA}).encode())
BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "name",
    ["subject", "time", "datacontenttype", "dataschema", "traceparent", "notbefore", "expirytime", "multitask", "own"],
)
def test_an_attribute_that_is_null_is_absent(name):
    event = {**ATTRIBUTES, name: None, "data": DATA}
    assert parse({}, json.dumps(event).encode()) == JOB
    assert parse({}, json.dumps({**event, "data_base64": None}).encode()) == JOB


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/cloudevents+json"}, BINARY])
def test_a_byte_order_mark_says_nothing(headers):
    assert parse(headers, BOM + json.dumps(DATA if headers is BINARY else {**ATTRIBUTES, "data": DATA}).encode()) == JOB


LEAP = datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05.678+01:00", datetime(2026, 1, 2, 3, 4, 5, 678000, timezone(timedelta(hours=1)))),
        ("2026-01-02T03:04:05.1234567899z", datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)),
        ("2016-12-31T23:59:60Z", LEAP),
        ("2016-12-31t15:59:60-08:00", LEAP),
        ("2016-12-31T23:59:60.5Z", LEAP + timedelta(seconds=0.5)),
        ("2026-01-02T03:04:61Z", None),
        ("2026-01-02T25:04:05Z", None),
        ("9999-12-31T23:59:60Z", None),
        ("", None),
        ("tomorrow", None),
        (5, None),
        (None, None),
    ],
)
def test_a_moment_is_read_in_every_form_of_rfc_3339(written, moment):
    if moment is None:
        with pytest.raises(ValueError):  # noqa: PT011 - which one, the caller does not ask
            timestamp(written)
    else:
        assert timestamp(written) == moment


@given(
    written=st.text() | st.from_regex(r"\d{4}-\d\d-\d\d[tT ]\d\d:\d\d:\d\d(\.\d+)?([zZ]|[+-]\d\d:\d\d)", fullmatch=True)
)
def test_any_text_is_a_moment_or_none(written):
    try:
        timestamp(written)
    except ValueError:
        return


@pytest.mark.parametrize("moment", ["2016-12-31t23:59:60z", "2026-01-02t03:04:05.5z"])
def test_an_event_may_say_its_times_so_in_either_mode(moment):
    times = dict.fromkeys(("time", "notbefore", "expirytime"), moment)
    told = parse({}, json.dumps({**ATTRIBUTES, **times, "data": DATA}).encode())
    assert (told.not_before, told.expires_at) == (timestamp(moment), timestamp(moment))
    headers = BINARY | {f"ce-{name}": value.replace(":", "%3A") for name, value in times.items()}
    assert parse(headers, json.dumps(DATA).encode()) == told


def test_half_a_surrogate_pair_leaves_in_no_event():
    error = {"message": "half \ud800", "\udfff": ["\ud83d", "\ud83d\ude42"]}
    _, body = render(Fact("failed", "j", {"error": error}), "crew")
    event = json.loads(body.decode())
    assert datetime.fromisoformat(event["time"]).tzinfo is not None
    assert event["data"] == {"error": {"message": "half \ufffd", "\ufffd": ["\ufffd", "🙂"]}}
