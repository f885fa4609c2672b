"""`agent-executor watch`: what a job does, to its end."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Never

import click

from executor.cli import printing
from executor.cli.exits import EPILOG, Exit, Stopped
from executor.cli.lanes import Lanes
from executor.cli.outage import Outage
from executor.cli.outcome import judge
from executor.cli.printing import json_option
from executor.cli.service import Service, of_service
from executor.cli.shown import ask
from executor.cli.waiting import ENDED, waited
from executor.jobs.locations import location_of

SILENCE = 60.0  # seconds; the service gives a sign of life every fifteen
SETTLED = 2.0  # seconds in which a job that asks is where an answer can be given


@click.command(epilog=EPILOG)
@click.argument("job_id")
@json_option
@of_service
def watch(job_id: str, *, as_json: bool, service: Service) -> None:
    """Follow what a job does until it ends, each subagent in lines of its own. With --json a line for each entry."""
    follow(service, job_id, as_json=as_json)


def follow(service: Service, job_id: str, *, as_json: bool, until_it_asks: bool = False) -> None:
    """Print each entry; raises Stopped where the job does not complete, and when it asks, if that is the end."""
    lanes, asked = Lanes(), ""
    for entry in _entries(service, job_id):
        if as_json:
            printing.print_line_of_json(entry)
        else:
            click.echo(printing.clean(lanes.told(entry)), nl=False)
        if entry["type"] == "interrupt":
            asked = _ask(service, job_id, asked, until_it_asks=until_it_asks)
    judge(_ended(service, job_id))


def _ask(service: Service, job_id: str, asked: str, *, until_it_asks: bool) -> str:
    """Say what the job asks, once for each set of questions; the entry is there before the job is interrupted."""
    job = waited(service, job_id, {"interrupted", *ENDED}, SETTLED)
    asks = json.dumps(job["result"]) if job["status"] == "interrupted" else asked
    if asks != asked:
        ask(job)
    if job["status"] == "interrupted" and until_it_asks:
        judge(job)
    return asks


def _ended(service: Service, job_id: str) -> dict[str, Any]:
    """The job as the ledger has it, which knows more of an error than its last entry."""
    return waited(service, job_id, ENDED, SILENCE)


def _entries(service: Service, job_id: str) -> Iterator[dict[str, Any]]:
    """Each entry once, the last is `end`, over as many connections as it takes."""
    place, outage, asking = "", Outage(), service.asked(SILENCE)
    while True:
        try:
            with asking.lines(f"{location_of(job_id)}/events", {"Last-Event-ID": place} if place else {}) as lines:
                outage.is_over()
                for entry, place in _server_sent(lines):  # noqa: B007 - where the next connection goes on
                    outage.is_over()
                    yield entry
                    if entry["type"] == "end":
                        return
                _say_closed()
        except Stopped as error:
            outage.goes_on(error)


def _say_closed() -> Never:
    raise Stopped(Exit.UNREACHABLE, "the service closed the stream before the job's end; watch it again")


def _server_sent(lines: Iterable[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each whole event's data and its id (HTML Living Standard, section 9.2); ours have one line of data."""
    data, place = "", ""
    for line in lines:
        name, _, value = line.partition(":")
        match name:
            case "data":
                data = value
            case "id":
                place = value.strip()
            case "" if not line and data:
                yield json.loads(data), place
                data = ""
