"""Events in every form that their format and HTTP allow."""

import gzip
import json

import pytest

from executor.api.cloudevents import LARGEST
from tests.integration.world import BINARY, STRUCTURED, data, event

pytestmark = pytest.mark.anyio

BATCH = {"content-type": "application/cloudevents-batch+json"}
BOM = b"\xef\xbb\xbf"

FORMS = {
    "null": lambda asked: json.dumps({**asked, "subject": None, "time": None, "dataschema": None}).encode(),
    "mark": lambda asked: BOM + json.dumps(asked).encode(),
    "time": lambda asked: json.dumps({**asked, "time": "2016-12-31t23:59:60z"}).encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", ["nats", "http", "batch"])
async def test_an_event_is_taken_in_each_form_that_the_format_allows(running, http, job_id, form, way):
    body = FORMS[form](event(job_id))
    if way == "nats":
        await running.publish(body)
    elif way == "http":
        assert (await http.post("/", content=body, headers=STRUCTURED)).status_code == 202
    else:
        marked = BOM if form == "mark" else b""
        body = marked + b"[" + body.removeprefix(BOM) + b"]"
        assert (await http.post("/", content=body, headers=BATCH)).status_code == 202
    [completed] = await running.ended(job_id)
    assert completed.word == "completed"


@pytest.mark.parametrize("headers", [STRUCTURED, BATCH, BINARY | {"content-type": "application/json"}])
async def test_a_body_may_be_gzip(running, http, job_id, headers):
    asked = {id(STRUCTURED): event(job_id), id(BATCH): [event(job_id)]}.get(id(headers), data(job_id))
    body = gzip.compress(json.dumps(asked).encode())
    answer = await http.post("/", content=body, headers=headers | {"content-encoding": "GZIP"})
    assert answer.status_code == 202
    again = await http.post("/", json=event(job_id), headers=STRUCTURED | {"content-encoding": "identity"})
    assert (again.status_code, again.json()["job_id"]) == (202, job_id)
    [completed] = await running.ended(job_id)
    assert completed.word == "completed"


LONG = gzip.compress(b" " * LARGEST) + gzip.compress(b"{}")


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        pytest.param("br", b"{}", 415, id="another coding"),
        pytest.param("gzip, gzip", b"{}", 415, id="two codings"),
        pytest.param("gzip", b"{}", 400, id="none at all"),
        pytest.param("gzip", gzip.compress(b"{}")[:-5], 400, id="cut short"),
        pytest.param("gzip", LONG, 413, id="long in two parts"),
        pytest.param("gzip", gzip.compress(b" " * 20 * LARGEST, 1), 413, id="a bomb"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_a_problem(http, coding, body, status):
    answer = await http.post("/", content=body, headers=STRUCTURED | {"content-encoding": coding})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers.get("accept-encoding") == ("gzip" if status == 415 else None)
