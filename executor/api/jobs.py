"""`GET /jobs`: what runs and ran."""

import base64
import binascii
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import AwareDatetime, BaseModel

from executor.api.auth import Reader, Writer
from executor.api.json_response import Json
from executor.api.paths import JobId
from executor.api.problems import Problem
from executor.api.service import UnknownJob
from executor.api.state import State
from executor.jobs.answers import NotAsked, WrongAnswer
from executor.jobs.caller import Caller
from executor.jobs.job import TERMINAL, Job, JobFilter

Status = Literal["queued", "running", "parked", "interrupted", "completed", "failed", "cancelled"]


LONGEST_KEY = 255
SHOWN = ("job_id", "thread_id", "status", "attempts", "created_at", "started_at", "finished_at", "result", "error")
SHOWN_WHERE_GIVEN = ("agent", "waiting", "metadata")
REFUSALS: dict[int | str, dict[str, Any]] = {
    404: {"description": "No such job"},
    409: {"description": "The job is in no state for that"},
    422: {"description": "The answer cannot be right; the document says which field is wrong"},
}


@dataclass(frozen=True)
class Filters:
    """Which jobs a list shows: created at `since` or later, and before `until`, both with their offset from UTC."""

    status: Status | None = None
    thread_id: str | None = None
    agent: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class Answer(BaseModel):
    """A person's answer to an interrupt."""

    resume: Any


def router(state: State) -> APIRouter:
    """The routes that tell about jobs, and those that change them."""
    routes = APIRouter(tags=["jobs"])
    _change(routes, state)
    _tell(routes, state)
    return routes


def _tell(routes: APIRouter, state: State) -> None:
    @routes.get("/jobs")
    async def jobs(
        caller: Reader,
        only: Annotated[Filters, Depends()],
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str | None = None,
    ) -> Json:
        """The newest jobs first; `next` is the cursor of the following page, or null."""
        before = await _before(state, cursor, caller) if cursor else None
        page = await state.open_jobs().jobs(limit, caller, JobFilter(**asdict(only)), before)
        following = _encoded(page[-1].job_id) if len(page) == limit else None
        return Json({"jobs": [shown(job) for job in page], "next": following})

    @routes.get("/jobs/{job_id:path}", responses={404: {"description": "No such job"}})
    async def job(job_id: JobId, caller: Reader) -> Json:
        """One job."""
        return Json(shown(await state.open_jobs().job(job_id, caller)))


def _change(routes: APIRouter, state: State) -> None:
    @routes.post("/jobs/{job_id:path}/cancel", status_code=HTTPStatus.ACCEPTED, responses=REFUSALS)
    async def cancel(job_id: JobId, caller: Writer) -> Json:
        """Stop a job: at once where it waits, in a moment where it runs. One `cancelled` event tells of it."""
        service = state.open_jobs()
        job = await service.job(job_id, caller)
        if job.status in TERMINAL and job.status != "cancelled":
            raise Problem(HTTPStatus.CONFLICT, f"the job has {job.status} already")
        await service.cancel(job_id, caller)
        return Json(shown(await service.job(job_id, caller)), HTTPStatus.ACCEPTED)

    @routes.post("/jobs/{job_id:path}/resume", status_code=HTTPStatus.ACCEPTED, responses=REFUSALS)
    async def resume(
        job_id: JobId,
        answer: Answer,
        caller: Writer,
        idempotency_key: Annotated[str | None, Header(max_length=LONGEST_KEY)] = None,
    ) -> Json:
        """Answer what a job asks: `{"resume": ANSWER}`, or `{"resume": {ID: ANSWER, ...}}` where it asks several.

        The same answer with the same `Idempotency-Key` again is one answer.
        """
        service = state.open_jobs()
        job = await service.job(job_id, caller)
        try:
            await service.resume(job_id, answer.resume, caller, idempotency_key)
        except NotAsked as error:
            raise Problem(HTTPStatus.CONFLICT, f"the job is {job.status}: {error}") from None
        except WrongAnswer as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field=error.field) from None
        return Json(shown(await service.job(job_id, caller)), HTTPStatus.ACCEPTED)


async def _before(state: State, cursor: str, caller: Caller) -> Job:
    try:
        return await state.open_jobs().job(_decoded(cursor), caller)
    except UnknownJob:
        detail = "cursor: is not one of ours, or its job has expired"
        raise Problem(HTTPStatus.BAD_REQUEST, detail, field="cursor") from None


def shown(job: Job) -> dict[str, Any]:
    """A job as the API shows it."""
    given = [name for name in SHOWN_WHERE_GIVEN if getattr(job, name)]
    return {name: getattr(job, name) for name in (*SHOWN, *given)}


def _encoded(job_id: str) -> str:
    return base64.urlsafe_b64encode(job_id.encode()).decode()


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise Problem(HTTPStatus.BAD_REQUEST, "cursor: is not one of ours", field="cursor") from None
