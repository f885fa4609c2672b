"""Jobs as people read them, and as programs do."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from executor.cli import printing, questions

COLUMNS = ("CREATED", "STATUS", "TRIES", "JOB", "THREAD", "AGENT")


def tell_jobs(jobs: list[dict[str, Any]]) -> None:
    """A line for each."""
    printing.print_table(COLUMNS, map(_row, jobs))


def tell_job(job: Mapping[str, Any], *, as_json: bool) -> None:
    """One job: JSON, but for a person at a terminal."""
    if as_json or not printing.on_terminal():
        printing.print_json(job)
        return
    for name, value in _fields(job):
        click.echo(printing.clean(f"{name:<9} {value}"))


def tell_answer(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """What a submission was answered: JSON, but for a person at a terminal."""
    if as_json or not printing.on_terminal():
        printing.print_json(answer)
    elif "location" in answer:
        click.echo(printing.clean(f"job {answer['job_id']} is accepted; `agent-executor watch` follows it"))
    else:
        click.echo(printing.clean(_output(answer) or f"job {answer['job_id']}"))


def ask(job: Any) -> None:
    """Say what a job asks beside its JSON, where a program that reads that does not look."""
    for line in questions.told(job):
        click.echo(printing.clean(line), err=True)


def _row(job: Mapping[str, Any]) -> tuple[object, ...]:
    thread = "-" if job["thread_id"] == job["job_id"] else job["thread_id"]
    return job["created_at"][:19], job["status"], job["attempts"], job["job_id"], thread, job.get("agent", "-")


def _fields(job: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name in ("job_id", "thread_id", "agent", "status", "attempts", "created_at", "started_at", "finished_at"):
        if job.get(name) is not None:
            yield name.removesuffix("_id").removesuffix("_at"), job[name]
    if job.get("started_at") and job.get("finished_at"):
        yield "took", datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    if waiting := job.get("waiting"):
        yield "waits", ", ".join(f"{name} {value}" for name, value in waiting.items())
    yield from (job.get("metadata") or {}).items()
    if error := job.get("error"):
        yield "error", f"{error.get('type')}: {error.get('message')}"
    if output := _output(job):
        yield "output", output


def _output(job: Mapping[str, Any]) -> str:
    output = (job.get("result") or {}).get("output")
    return output if isinstance(output, str) else ""
