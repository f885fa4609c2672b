"""Answers in JSON that every reader takes, whatever a job came to."""

from typing import Any

from fastapi.responses import JSONResponse

from executor.values import dumps


class Json(JSONResponse):
    """An answer that is made without looking for what it may hold."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return dumps(content)
