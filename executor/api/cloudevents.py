"""`POST /`: the same job as from NATS, in a content mode of the CloudEvents HTTP binding: structured, binary, batch."""

import json
import re
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from contract import EXECUTE_TYPE
from executor.api.auth import Writer
from executor.api.bodies import body_of
from executor.api.json_response import Json
from executor.api.presence import while_there
from executor.api.problems import Problem, field_of
from executor.api.service import JobService, SubmittedJob
from executor.api.state import State
from executor.errors import Rejected
from executor.jobs.caller import Caller
from executor.jobs.job import Job
from executor.jobs.locations import location_of

STRUCTURED = {"content-type": "application/cloudevents+json"}
EXAMPLE = {
    "specversion": "1.0",
    "id": "1",
    "source": "docs",
    "type": EXECUTE_TYPE,
    "data": {
        "job_id": "order-4711",
        "agent_definition": {"nodes": [{"id": "assistant", "config": {"system_prompt": "Be brief."}}]},
        "input_payload": {"messages": [{"role": "user", "content": "Hello."}]},
    },
}
BATCH = "application/cloudevents-batch+json"
LONGEST_WAIT = 300.0
LARGEST = 16 * 1024 * 1024  # bytes; what no message of the broker can hold is kept in the ledger
WAIT = re.compile(r"(?:^|[,;\s])wait=(\d+)\b")  # RFC 7240


def router(state: State) -> APIRouter:
    """The route that takes jobs."""
    routes = APIRouter(tags=["jobs"])

    @routes.post(
        "/",
        status_code=HTTPStatus.ACCEPTED,
        responses={
            200: {"description": "With `Prefer: wait=SECONDS`: the data of the terminal event"},
            400: {"description": "A problem document that names the field; in a batch, the index too"},
            409: {"description": "The id belongs to a job with other content, or the thread to other jobs"},
            413: {"description": f"Larger than {LARGEST} bytes, also where that shows only after it is unpacked"},
            415: {"description": "A `Content-Encoding` other than gzip"},
            503: {"description": "Not now; also where a pod of an earlier release does not know a field of the data"},
        },
        openapi_extra={
            "requestBody": {"content": {STRUCTURED["content-type"]: {"schema": {"type": "object"}, "example": EXAMPLE}}}
        },
    )
    async def submit(request: Request, caller: Writer) -> Json:
        """Store a job durably; 202 says that it will run."""
        service = state.open_jobs()
        body = await body_of(request, LARGEST)
        if request.headers.get("content-type", "").startswith(BATCH):
            return await _submit_batch(service, caller, body)
        sent = await _submitted(service, _headers(request), body)
        await service.submit([sent], caller)
        patience = _patience(request)
        ended = await while_there(request, service.wait(sent.job.job_id, patience)) if patience else None
        return _accepted(sent) if ended is None else Json(terminal_data(ended))

    return routes


async def _submit_batch(service: JobService, caller: Caller, body: bytes) -> Json:
    submitted = []
    for index, event in enumerate(_events(body)):
        try:
            submitted.append(await _submitted(service, STRUCTURED, json.dumps(event).encode()))
        except Rejected as error:
            detail = str(error)
            raise Problem(HTTPStatus.BAD_REQUEST, f"[{index}] {detail}", index=index, **field_of(detail)) from None
    await service.submit(submitted, caller)
    return Json({"jobs": [_receipt(sent) for sent in submitted]}, HTTPStatus.ACCEPTED)


async def _submitted(service: JobService, headers: dict[str, str], body: bytes) -> SubmittedJob:
    return await service.accept(service.read(headers, body))


def _events(body: bytes) -> list[Any]:
    try:
        events = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the batch is not JSON") from None
    if not isinstance(events, list):
        raise Problem(HTTPStatus.BAD_REQUEST, "the batch is not a JSON array of events")
    return events


def _headers(request: Request) -> dict[str, str]:
    """What of a request belongs to the event: never its credentials or cookies."""
    names = {"content-type", "traceparent", "tracestate"}
    return {name: value for name, value in request.headers.items() if name in names or name.startswith("ce-")}


def _patience(request: Request) -> float:
    found = WAIT.search(request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


def _accepted(sent: SubmittedJob) -> Json:
    return Json(_receipt(sent), HTTPStatus.ACCEPTED, {"Location": location_of(sent.job.job_id)})


def _receipt(sent: SubmittedJob) -> dict[str, str]:
    return {"job_id": sent.job.job_id, "location": location_of(sent.job.job_id)}


def terminal_data(job: Job) -> dict[str, Any]:
    """The data of the event that told how the job ended."""
    about = {"job_id": job.job_id}
    match job.status:
        case "completed":
            return {**about, "result": job.result, "attempts": job.attempts, "duration_ms": job.duration_ms}
        case "failed":
            return {**about, "error": job.error}
        case "interrupted":
            return {**about, "status": job.status, **(job.result or {})}
        case status:
            return {**about, "status": status}
