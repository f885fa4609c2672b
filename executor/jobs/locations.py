"""Where a job is found over HTTP, whatever its id, so that each location can be fetched. Pure."""

import re
from urllib.parse import quote, unquote

DOTS = re.compile(r"~*\.{1,2}")  # a client walks up such a path before it asks, so a tilde comes before it


def location_of(job_id: str) -> str:
    """The path of a job."""
    step = f"~{job_id}" if DOTS.fullmatch(job_id) else job_id
    return f"/jobs/{quote(step, safe='')}"


def job_at(step: str) -> str:
    """The id that a step of a path stands for, as it was sent: percent-encoded."""
    found = unquote(step)
    return found.removeprefix("~") if DOTS.fullmatch(found) else found
