"""Paths with ids, read as they were sent: `/jobs/x%2Fevents` is a job, `/jobs/x/events` what another does."""

from typing import Annotated

from pydantic import AfterValidator
from starlette.types import ASGIApp, Receive, Scope, Send

from executor.jobs.locations import job_at

WITH_IDS = ("/jobs/", "/threads/", "/runs/", "/assistants/")

JobId = Annotated[str, AfterValidator(job_at)]


class EscapedPaths:
    """Routes with ids see the path before it is decoded: after that nobody knows which slash belongs to an id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["path"].startswith(WITH_IDS):
            scope = {**scope, "path": scope["raw_path"].decode()}
        await self._app(scope, receive, send)
