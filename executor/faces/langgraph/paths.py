"""The parts of the protocol's paths: ids are free text, percent-encoded where they hold a slash."""

from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import AfterValidator

Id = Annotated[str, AfterValidator(unquote)]


def run_at(thread_id: str, run_id: str) -> str:
    """The path of a run."""
    return f"/threads/{quote(thread_id, safe='')}/runs/{quote(run_id, safe='')}"
