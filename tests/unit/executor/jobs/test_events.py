"""CloudEvents in and out: what is taken, what is refused and in which words."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import EXECUTE_TYPE, WAKE_TYPE
from executor.jobs.envelope import LONGEST_ID, Invalid
from executor.jobs.events import Fact, WakeUp, jobs_in, parse, read, render, render_wake
from executor.jobs.job import JobRequest
from executor.jobs.validation import DEEPEST

DATA = {
    "job_id": "j-1",
    "trace_id": "t-1",
    "thread_id": "th-1",
    "agent_definition": {"nodes": [{"id": "a"}]},
    "input_payload": {"messages": [{"role": "user", "content": "hi"}]},
}
ATTRIBUTES = {"specversion": "1.0", "id": "e-1", "source": "tests", "type": EXECUTE_TYPE}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JOB = JobRequest("j-1", "th-1", DATA["agent_definition"], DATA["input_payload"], "t-1")  # type: ignore[arg-type]

LONG = "a" * 65
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BINARY = {f"ce-{name}": value for name, value in ATTRIBUTES.items()} | {"content-type": "application/json"}


def structured(**attributes):
    return json.dumps({**ATTRIBUTES, "data": DATA, **attributes}).encode()


def without(name):
    return json.dumps({key: value for key, value in {**ATTRIBUTES, "data": DATA}.items() if key != name}).encode()


def refusal(body, headers=STRUCTURED):
    """What is wrong, and the job that the event names all the same."""
    with pytest.raises(Invalid) as caught:
        parse(headers, body)
    assert caught.value.reason == "invalid_event"
    return str(caught.value), caught.value.job_id


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(STRUCTURED, structured(), id="structured"),
        pytest.param({"Content-Type": "application/cloudevents+json"}, structured(), id="names in any case"),
        pytest.param({"Content-Type": "Application/CloudEvents+JSON"}, structured(), id="content type in any case"),
        pytest.param({}, structured(), id="structured without a content type"),
        pytest.param({"content-type": "application/json"}, structured(), id="structured as plain JSON"),
        pytest.param({}, structured(data=json.dumps(DATA)), id="data as text"),
        pytest.param({}, structured(time="2026-01-01T00:00:00Z", subject="s", myext="x"), id="more attributes"),
        pytest.param({}, structured(data={**DATA, "priority": 3}), id="more data"),
        pytest.param(BINARY, json.dumps(DATA).encode(), id="binary"),
        pytest.param(
            {name.upper(): value for name, value in BINARY.items()}, json.dumps(DATA).encode(), id="binary, upper case"
        ),
        pytest.param(
            {name: value for name, value in BINARY.items() if name != "content-type"},
            json.dumps(DATA).encode(),
            id="binary without a content type",
        ),
    ],
)
def test_each_content_mode_makes_the_same_job(headers, body):
    assert parse(headers, body) == JOB


def test_the_thread_is_the_job_unless_the_event_names_one():
    job = parse({}, structured(data={key: value for key, value in DATA.items() if key != "thread_id"}))
    assert (job.job_id, job.thread_id) == ("j-1", "j-1")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (STRUCTURED, structured(traceparent=TRACEPARENT)),
        (STRUCTURED | {"traceparent": TRACEPARENT}, structured()),
        (BINARY | {"ce-traceparent": TRACEPARENT}, json.dumps(DATA).encode()),
        (BINARY | {"traceparent": TRACEPARENT}, json.dumps(DATA).encode()),
    ],
)
def test_the_traceparent_is_taken_from_the_event_or_the_header(headers, body):
    assert parse(headers, body).traceparent == TRACEPARENT


@pytest.mark.parametrize("malformed", [5, "x", "\ud800", f"{TRACEPARENT}\0", "0" * 1_000_000])
def test_a_traceparent_that_is_none_is_not_carried(malformed):
    assert parse({}, structured(traceparent=malformed)).traceparent is None


@pytest.mark.parametrize("kept", [None, "another job's"])
def test_the_digest_tells_two_contents_apart_and_not_two_spellings(kept):
    same = parse(BINARY, json.dumps(dict(reversed(DATA.items())), indent=2).encode())
    other = parse({}, structured(data={**DATA, "input_payload": {"messages": kept}}))
    assert same.identity(7) == JOB.identity(7)
    assert other.identity(7).digest != JOB.identity(7).digest
    assert replace(other.identity(7), digest=JOB.identity().digest) == JOB.identity(7)


def test_a_job_bears_what_its_data_note_and_where_it_begins():
    noted = {**DATA, "metadata": {"a": "b"}, "checkpoint_id": "c-1"}
    assert parse({}, structured(data=noted)) == replace(JOB, metadata={"a": "b"}, checkpoint_id="c-1")
    forked = {**DATA, "input_payload": None, "checkpoint_id": "c-1"}
    assert parse({}, structured(data=forked)) == replace(JOB, input_payload=None, checkpoint_id="c-1")


@pytest.mark.parametrize("attribute", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_named(attribute):
    assert refusal(without(attribute)) == (f"{attribute}: the event has no {attribute}", "j-1")
    assert refusal(structured(**{attribute: ""})) == (f"{attribute}: the event has no {attribute}", "j-1")


@pytest.mark.parametrize("attribute", ["id", "source", "type"])
def test_a_missing_attribute_is_named_in_binary_mode(attribute):
    headers = {name: value for name, value in BINARY.items() if name != f"ce-{attribute}"}
    assert refusal(json.dumps(DATA).encode(), headers) == (f"{attribute}: the event has no {attribute}", "j-1")


@pytest.mark.parametrize(
    ("attributes", "complaint"),
    [
        ({"type": "io.example.other"}, f"type: 'io.example.other' is not accepted here, {EXECUTE_TYPE} is"),
        ({"type": 5}, "type: must be a string"),
        ({"id": ["x"]}, "id: must be a string"),
        ({"specversion": "0.3"}, "specversion: must be '1.0'"),
        ({"time": "yesterday"}, "time: is not a timestamp (RFC 3339)"),
        ({"time": 5}, "time: is not a timestamp (RFC 3339)"),
        ({"time": "2026-01-01T00:00:00"}, "time: must be timezone aware"),
        ({"notbefore": "tomorrow"}, "notbefore: is not a timestamp (RFC 3339)"),
        ({"notbefore": 5}, "notbefore: is not a timestamp (RFC 3339)"),
        ({"expirytime": "2026-01-01T00:00:00"}, "expirytime: has no time zone"),
        ({"multitask": "interrupt"}, "multitask: must be 'enqueue' or 'reject'"),
        ({"multitask": ["reject"]}, "multitask: must be 'enqueue' or 'reject'"),
        ({"type": WAKE_TYPE}, f"type: {WAKE_TYPE!r} is the workers' own"),
        ({"my_ext": "x"}, "my_ext: Extension attribute 'my_ext' should only contain lowercase letters and numbers"),
    ],
)
def test_a_wrong_attribute_is_named_and_so_is_the_job(attributes, complaint):
    said, job_id = refusal(structured(**attributes))
    assert said == complaint
    assert job_id == (None if attributes.get("type") == WAKE_TYPE else "j-1")


def test_when_a_job_may_begin_and_whether_it_waits_for_its_thread_are_taken_from_the_event():
    job = parse({}, structured(notbefore="2026-01-01T01:00:00+01:00", expirytime="2026-01-02T00:00:00Z"))
    assert (job.not_before, job.expires_at) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    assert (job.multitask, parse({}, structured(multitask="reject")).multitask) == ("enqueue", "reject")


def test_the_workers_own_message_wakes_a_job():
    headers, body = render_wake("j", "j:wake:1", "crew")
    assert read(headers, body) == WakeUp("j")
    assert json.loads(body)["id"] == "j:wake:1"


def test_a_wrong_time_is_named_in_binary_mode():
    headers = BINARY | {"ce-time": "yesterday"}
    assert refusal(json.dumps(DATA).encode(), headers) == ("time: is not a timestamp (RFC 3339)", "j-1")


def test_other_types_may_be_accepted():
    assert parse({}, structured(type="x.y"), frozenset({"x.y"})) == JOB


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "the event is not a CloudEvent in JSON"),
        (b"\0", "the event is not a CloudEvent in JSON"),
        (b"not json", "the event is not a CloudEvent in JSON"),
        (b'{"specversion": ', "the event is not a CloudEvent in JSON"),
        (b"[]", "the event is not a CloudEvent in JSON"),
        (b'"event"', "the event is not a CloudEvent in JSON"),
        (b"null", "the event is not a CloudEvent in JSON"),
        (b"1" * 5000, "the event is not a CloudEvent in JSON"),
        (b"\xff\xfe{}", "the event is not UTF-8"),
        (b"[" * 100_000, "the event is nested too deeply"),
        (b"{}", "specversion: the event has no specversion"),
        (without("data"), "data: is not a JSON object"),
        (structured(data=None), "data: is not a JSON object"),
        (structured(data=[DATA]), "data: is not a JSON object"),
        (structured(data="{"), "data: is not JSON"),
        (structured(data="[" * 100_000), "data: is not JSON"),
        (structured(data=None, data_base64="e30"), "data_base64: is not base64"),
        (structured(data=None, data_base64=5), "data_base64: is not base64"),
    ],
)
def test_an_event_that_is_none_names_no_job(body, complaint):
    assert refusal(body, {}) == (complaint, None)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_data_that_are_none_are_refused_in_binary_mode(body):
    complaint, job_id = refusal(body, BINARY)
    assert complaint in {"data: is not JSON", "data: is not a JSON object"}
    assert job_id is None


@pytest.mark.parametrize(
    ("data", "complaint", "job_id"),
    [
        ({"job_id": "j"}, "data.agent_definition: is missing; data.input_payload: is missing", "j"),
        ({**DATA, "job_id": ""}, "data.job_id: is empty", None),
        ({**DATA, "job_id": "x" * (LONGEST_ID + 1)}, "data.job_id: must have at most 255 characters", None),
        ({**DATA, "job_id": 5}, "data.job_id: must be a string", None),
        ({**DATA, "thread_id": ""}, "data.thread_id: is empty", "j-1"),
        ({**DATA, "agent_definition": []}, "data.agent_definition: must be an object", "j-1"),
        ({**DATA, "input_payload": "hi"}, "data.input_payload: must be an object", "j-1"),
        ({**DATA, "context": []}, "data.context: must be an object", "j-1"),
        ({**DATA, "recursion_limit": 0}, "data.recursion_limit: must be greater than 0", "j-1"),
        ({**DATA, "metadata": {"a": 1}}, "data.metadata.a: must be a string", "j-1"),
        ({**DATA, "metadata": ["a"]}, "data.metadata: must be an object", "j-1"),
        ({**DATA, "metadata": {"a": "x" * 1025}}, "data.metadata.a: must have at most 1024 characters", "j-1"),
        ({**DATA, "metadata": {LONG: ""}}, f"data.metadata.{LONG}.[key]: must have at most 64 characters", "j-1"),
        ({**DATA, "metadata": {str(n): "" for n in range(33)}}, "data.metadata: must have at most 32 items", "j-1"),
        ({**DATA, "checkpoint_id": ""}, "data.checkpoint_id: is empty", "j-1"),
        ({**DATA, "input_payload": None}, "data.input_payload: must be an object", "j-1"),
        ({**DATA, "recursion_limit": True}, "data.recursion_limit: must be a valid integer", "j-1"),
        ({**DATA, "input_payload": {"n": [1, float("nan")]}}, "data.input_payload.n[1]: is not a finite number", "j-1"),
        ({**DATA, "input_payload": {"n": float("-inf")}}, "data.input_payload.n: is not a finite number", "j-1"),
        ({**DATA, "input_payload": {"m": [{"c": "a\0"}]}}, "data.input_payload.m[0].c: holds a NUL character", "j-1"),
        ({**DATA, "input_payload": {"a\0": 1}}, "data.input_payload.(a key): holds a NUL character", "j-1"),
        ({**DATA, "trace_id": "\ud800"}, "data.trace_id: holds half of a surrogate pair", "j-1"),
        ({**DATA, "job_id": "j\0"}, "data.job_id: holds a NUL character", None),
        ({**DATA, "job_id": "\udfff"}, "data.job_id: holds half of a surrogate pair", None),
    ],
)
def test_wrong_data_are_named_by_their_path(data, complaint, job_id):
    assert refusal(structured(data=data)) == (complaint, job_id)


def nested(levels):
    return json.loads('{"x": ' * levels + "1" + "}" * levels)


def test_deep_nesting_is_refused_with_its_path():
    assert refusal(structured(data={**DATA, "input_payload": nested(DEEPEST)})) == (
        "data.input_payload.x: is nested too deeply",
        "j-1",
    )
    fits = nested(DEEPEST - 2)
    assert parse({}, structured(data={**DATA, "input_payload": fits})).input_payload == fits


OPTIONAL = [*ATTRIBUTES, "time", "traceparent", "notbefore", "expirytime", "multitask", "x", "data"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(headers=st.dictionaries(st.sampled_from([*BINARY]), st.text()), body=st.binary())
def test_any_bytes_are_a_job_or_refused(headers, body):
    with pytest.raises(Invalid):
        parse(headers, body)


@given(attributes=st.dictionaries(st.sampled_from(OPTIONAL), json_values))
def test_any_json_is_a_job_or_refused(attributes):
    try:
        parse({}, json.dumps({**ATTRIBUTES, "data": DATA, **attributes}).encode())
    except Invalid as error:
        str(error).encode()


@given(payload=st.dictionaries(st.text(), json_values))
def test_what_is_taken_can_be_stored(payload):
    try:
        job = parse({}, structured(data={**DATA, "input_payload": payload}))
    except Invalid:
        return
    stored = json.dumps(job.input_payload, allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in stored
    assert json.loads(stored.encode()) == job.input_payload


def test_a_fact_is_a_structured_event():
    fact = Fact("completed", "j/1 ä", {"job_id": "j/1 ä"}, TRACEPARENT, "/jobs/x")
    headers, body = render(fact, "crew")
    event = json.loads(body)
    assert headers == {"content-type": "application/cloudevents+json"}
    assert event.pop("time")
    assert event == {
        "specversion": "1.0",
        "id": "j%2F1%20%C3%A4:completed",
        "source": "crew",
        "type": "io.bizmatters.agent.completed",
        "subject": "j/1 ä",
        "datacontenttype": "application/json",
        "traceparent": TRACEPARENT,
        "dataref": "/jobs/x",
        "data": {"job_id": "j/1 ä"},
    }


def test_a_fact_without_trace_and_reference_has_neither():
    event = json.loads(render(Fact("started", "j", {}), "crew")[1])
    assert {"traceparent", "dataref"} & set(event) == set()


@given(one=st.text(min_size=1), other=st.text(min_size=1), word=st.sampled_from(["started", "completed", "failed"]))
def test_the_same_fact_has_the_same_id_and_another_one_another(one, other, word):
    assert Fact(word, one, {"a": 1}).id == Fact(word, one, {"a": 2}).id
    assert (Fact(word, one, {}).id == Fact(word, other, {}).id) == (one == other)
    assert Fact("cancelled", one, {}).id != Fact(word, one, {}).id
    Fact(word, one, {}).id.encode("ascii")


@pytest.mark.parametrize("job_id", ["j", "a:completed", "a:completed:completed", "ä/% :x", "completed", ":"])
@pytest.mark.parametrize("nth", ["", "q:1", "completed:completed"])
def test_the_job_that_a_fact_is_about_is_found_by_the_facts_id(job_id, nth):
    assert job_id in jobs_in(Fact("completed", job_id, {}, nth=nth).id, "completed")


def test_what_is_no_fact_is_about_no_job():
    assert [jobs_in(identity, "completed") for identity in ("", "j:failed", "j")] == [[], [], []]
