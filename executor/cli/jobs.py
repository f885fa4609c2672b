"""`agent-executor submit|watch|jobs`: what a person asks a running service over HTTP."""

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TextIO

import click
import httpx

from contract import EXECUTE_TYPE
from executor.cli import questions
from executor.errors import ExecutorError
from executor.jobs.locations import location_of

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Service:
    """Where the service is, and where the token lies that it is shown, if it asks for one."""

    url: str
    token_file: Path | None

    def headers(self) -> dict[str, str]:
        """What is sent with each request; raises ExecutorError where the file cannot be read."""
        if self.token_file is None:
            return {}
        try:
            words = self.token_file.read_text(encoding="ascii").split()
        except (OSError, ValueError) as error:
            raise ExecutorError(f"{self.token_file} cannot be read: {type(error).__name__}") from None
        if len(words) != 1:
            raise ExecutorError(f"{self.token_file} holds no token")
        return {"authorization": f"Bearer {words[0]}"}


def of_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which service it asks."""

    @wraps(command)
    def with_service(*given: Any, url: str, token_file: Path | None, **more: Any) -> None:
        command(*given, service=Service(url, token_file), **more)

    token = click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        envvar="EXECUTOR_TOKEN_FILE",
        help="A file with the token to show; where the service asks for one.",
    )
    url = click.option(
        "--url", default=DEFAULT_URL, envvar="EXECUTOR_URL", show_default=True, help="Where the service listens."
    )
    return url(token(with_service))


@click.command()
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--wait", type=click.IntRange(0, 300), default=0, help="Wait so many seconds for the result.")
@of_service
def submit(file: TextIO, wait: int, service: Service) -> None:
    """Submit the job in FILE (- for standard input): its data, or a whole CloudEvent, as JSON."""
    event = _event(_json(file.read(), "FILE"))
    headers = {"content-type": "application/cloudevents+json"} | ({"prefer": f"wait={wait}"} if wait else {})
    with _client(service, patience=wait + 30.0) as client:
        answer = _checked(client.post("/", content=json.dumps(event), headers=headers))
    _print(answer)
    _ask(answer)
    if "error" in answer:
        raise ExecutorError(f"the job failed: {answer['error']['message']}")


@click.command()
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print each entry as a line of JSON.")
@of_service
def watch(job_id: str, *, as_json: bool, service: Service) -> None:
    """Follow what a job does until it ends."""
    with _client(service, patience=None) as client, client.stream("GET", f"{location_of(job_id)}/events") as response:
        if response.is_error:
            response.read()
            _checked(response)
        for entry in _entries(response):
            click.echo(json.dumps(entry) if as_json else _told(entry), nl=as_json)


@click.group()
def jobs() -> None:
    """Look at jobs, end them, answer them."""


@jobs.command("list")
@click.option("--status", help="Only those of this status.")
@click.option("--thread", "thread_id", help="Only those of this thread.")
@click.option("--agent", help="Only those of this agent.")
@click.option("--since", help="Only those created then or later: a time as in 2026-12-31T12:00:00Z.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@of_service
def list_jobs(limit: int, service: Service, **only: str | None) -> None:
    """The newest jobs first."""
    query = {"limit": limit} | {name: value for name, value in only.items() if value}
    with _client(service) as client:
        for job in _checked(client.get("/jobs", params=query))["jobs"]:
            click.echo(f"{job['created_at'][:19]}  {job['status']:<12} {job['attempts']}  {job['job_id']}")


@jobs.command()
@click.argument("job_id")
@of_service
def show(job_id: str, service: Service) -> None:
    """One job, as JSON."""
    with _client(service) as client:
        job = _checked(client.get(location_of(job_id)))
    _print(job)
    _ask(job)


@jobs.command()
@click.argument("job_id")
@of_service
def cancel(job_id: str, service: Service) -> None:
    """Stop a job."""
    with _client(service) as client:
        _print(_checked(client.post(f"{location_of(job_id)}/cancel")))


@jobs.command()
@click.argument("job_id")
@click.argument("answer")
@of_service
def resume(job_id: str, answer: str, service: Service) -> None:
    """Answer a job's interrupt with ANSWER, which is JSON."""
    with _client(service) as client:
        _print(_checked(client.post(f"{location_of(job_id)}/resume", json={"resume": _json(answer, "ANSWER")})))


@contextmanager
def _client(service: Service, patience: float | None = 30.0) -> Iterator[httpx.Client]:
    timeout = httpx.Timeout(30.0, read=patience)
    try:
        with httpx.Client(base_url=service.url, headers=service.headers(), timeout=timeout) as client:
            yield client
    except httpx.HTTPError as error:
        raise ExecutorError(f"{service.url}: {error}; is the service there? (--url, EXECUTOR_URL)") from error


def _checked(response: httpx.Response) -> Any:
    if not response.is_error:
        return response.json()
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text[:500]
    raise ExecutorError(f"{response.status_code}: {detail}")


def _event(given: Any) -> Any:
    if isinstance(given, dict) and "specversion" not in given:
        data = {"job_id": str(uuid.uuid4()), **given}
        return {"specversion": "1.0", "id": data["job_id"], "source": "cli", "type": EXECUTE_TYPE, "data": data}
    return given


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ExecutorError(f"{what} is not JSON: {error}") from None


def _entries(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))


def _told(entry: dict[str, Any]) -> str:
    """Tokens as they come, anything else on a line of its own."""
    data = entry["data"]
    match entry["type"]:
        case "token":
            return str(data["text"])
        case "tool_call":
            return f"\n→ {data['name']}({json.dumps(data['args'])})\n"
        case "tool_result":
            return f"\n← {data['name']}: {data['content']}\n"
        case "end":
            return f"\n{data['status']}\n"
        case "attempt" | "gap" | "interrupt" | "custom" as word:
            return f"\n[{word}] {json.dumps(data)}\n"
    return ""


def _ask(job: Any) -> None:
    """Say what a job asks beside its JSON, where a program that reads that does not look."""
    for line in questions.told(job):
        click.echo(line, err=True)


def _print(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    click.echo()
