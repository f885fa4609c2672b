"""`agent-executor jobs`: what a person asks a running service about its jobs."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from executor.cli import printing
from executor.cli.durations import Span, seconds_of
from executor.cli.exits import EPILOG, Exit, Stopped
from executor.cli.outcome import judge
from executor.cli.printing import json_option
from executor.cli.service import Service, of_service
from executor.cli.shown import ask, tell_job, tell_jobs
from executor.cli.waiting import ENDED, waited
from executor.jobs.locations import location_of

GOALS = {
    "completed": ENDED | {"interrupted"},  # a job that asks does not go on by itself
    "ended": ENDED,
    "interrupted": ENDED | {"interrupted"},
}


@click.group()
def jobs() -> None:
    """Look at jobs, wait for them, end them, answer them."""


@jobs.command("list")
@click.option("--status", help="Only those of this status.")
@click.option("--thread", "thread_id", help="Only those of this thread.")
@click.option("--agent", help="Only those of this agent.")
@click.option(
    "--since", help="Only those created then or later: a time as in 2026-12-31T12:00:00Z, or 2h for two hours ago."
)
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@click.option("--cursor", help="The page that follows: `next` of the one before, which --json shows.")
@json_option
@of_service
def list_jobs(limit: int, *, as_json: bool, service: Service, **only: str | None) -> None:
    """The newest jobs first."""
    query = {"limit": limit} | {name: value for name, value in only.items() if value}
    if only["since"]:
        query["since"] = _time(only["since"], datetime.now(UTC))
    page = service.asked().get("/jobs", query)
    if as_json:
        printing.print_json(page)
    else:
        tell_jobs(page["jobs"])


@jobs.command()
@click.argument("job_id")
@json_option
@of_service
def show(job_id: str, *, as_json: bool, service: Service) -> None:
    """One job; as JSON where no terminal is written to."""
    job = service.asked().get(location_of(job_id))
    tell_job(job, as_json=as_json)
    ask(job)


@jobs.command(epilog=EPILOG)
@click.argument("job_id")
@click.option(
    "--for",
    "goal",
    type=click.Choice(list(GOALS)),
    default="completed",
    show_default=True,
    help="`ended` waits on while the job waits for a person.",
)
@click.option(
    "--timeout", type=Span(), default=math.inf, help="For so long at most: 90, 90s, 10m, 2h. For ever if not said."
)
@json_option
@of_service
def wait(job_id: str, goal: str, timeout: float, *, as_json: bool, service: Service) -> None:
    """Wait for a job, and show it as it is then."""
    job = waited(service, job_id, GOALS[goal], timeout)
    tell_job(job, as_json=as_json)
    ask(job)
    if goal != "interrupted":
        judge(_not_ended(job) if goal == "ended" else job)
    elif job["status"] == "completed":
        raise Stopped(Exit.FAILED, "the job has completed and asks nothing")
    elif job["status"] != "interrupted":
        judge(job)


@jobs.command()
@click.argument("job_id")
@json_option
@of_service
def cancel(job_id: str, *, as_json: bool, service: Service) -> None:
    """Stop a job."""
    tell_job(service.asked().post(f"{location_of(job_id)}/cancel"), as_json=as_json)


@jobs.command()
@click.argument("job_id")
@click.argument("answer")
@json_option
@of_service
def resume(job_id: str, answer: str, *, as_json: bool, service: Service) -> None:
    """Answer a job's interrupt with ANSWER, which is JSON."""
    body = {"resume": _json(answer)}
    tell_job(service.asked().post(f"{location_of(job_id)}/resume", body), as_json=as_json)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Stopped(Exit.FAILED, f"ANSWER is not JSON: {error}; a text has quotes of its own: '\"yes\"'") from None


def _time(text: str, now: datetime) -> str:
    """A time as the service takes it, of one or of how long ago it was."""
    seconds = seconds_of(text)
    try:
        return text if seconds is None else (now - timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        raise click.UsageError(f"--since {text} is longer ago than time itself") from None


def _not_ended(job: dict[str, Any]) -> dict[str, Any]:
    """A job for which a person was waited with is no surprise: the time was over."""
    return job | {"status": "interrupted still"} if job["status"] == "interrupted" else job
