"""`agent-executor submit`."""

import json
import math
import time
import uuid
from typing import Any, TextIO

import click

from contract import EXECUTE_TYPE
from executor.cli import printing
from executor.cli.exits import EPILOG, Exit, Stopped
from executor.cli.following import follow
from executor.cli.outage import Outage
from executor.cli.outcome import judge_answer
from executor.cli.printing import json_option
from executor.cli.progress import progress
from executor.cli.service import Service, of_service
from executor.cli.shown import ask, tell_answer

EVENT = {"content-type": "application/cloudevents+json"}
PAUSE = 1.0


@click.command(epilog=EPILOG)
@click.argument("file", type=click.File("r", encoding="utf-8"), required=False)
@click.option("--message", help="What to say to an agent, in place of FILE.")
@click.option("--agent", help="With --message: the name of the agent.")
@click.option("--thread", "thread_id", help="With --message: the conversation that it goes on.")
@click.option("--wait", type=click.IntRange(0, 300), default=0, help="Wait so many seconds for the result.")
@click.option("--watch", is_flag=True, help="Follow what the job does until it ends or asks.")
@json_option
@of_service
def submit(
    file: TextIO | None, *, wait: int, watch: bool, as_json: bool, service: Service, **words: str | None
) -> None:
    """Submit the job in FILE (- for standard input): its data, or a whole CloudEvent, as JSON; or say --message."""
    if wait and watch:
        raise click.UsageError("--wait and --watch are two ways to wait: say one")
    answer = _submitted(service, _asked(file, **words), wait)
    if watch:
        click.echo(f"job {printing.in_a_line(answer['job_id'])}", err=True)
        follow(service, answer["job_id"], as_json=as_json, until_it_asks=True)
        return
    tell_answer(answer, as_json=as_json)
    ask(answer)
    if wait or "location" not in answer:
        judge_answer(answer)


def _submitted(service: Service, event: Any, wait: int) -> dict[str, Any]:
    """The answer; the same event is the same job, so that it may be sent again to go on waiting."""
    asking, outage, until = service.asked(wait + 30.0), Outage(), time.monotonic() + wait
    with progress() as say:
        while True:
            left = math.ceil(until - time.monotonic())
            say(f"waiting for the result, {max(left, 0)} s at most")
            try:
                answer: dict[str, Any] = asking.post("/", event, _headers(left))
            except Stopped as error:
                outage.goes_on(error)
                continue
            outage.is_over()
            if "location" not in answer or until - time.monotonic() <= PAUSE:
                return answer
            time.sleep(PAUSE)  # a pod that stops, or has lost its database, waits no more


def _headers(left: int) -> dict[str, str]:
    return {**EVENT, "prefer": f"wait={left}"} if left > 0 else EVENT


def _asked(file: TextIO | None, message: str | None, agent: str | None, thread_id: str | None) -> Any:
    if file is not None and message is None and agent is None and thread_id is None:
        return _event(_json(file.read()))
    if file is not None or message is None or agent is None:
        raise click.UsageError("name a FILE, or say --message and --agent (and --thread)")
    return _event(
        {
            **({"thread_id": thread_id} if thread_id else {}),
            "agent_definition": {"agent": agent},
            "input_payload": {"messages": [{"role": "user", "content": message}]},
        }
    )


def _event(given: Any) -> Any:
    if isinstance(given, dict) and "specversion" not in given:
        data = {"job_id": str(uuid.uuid4()), **given}
        return {"specversion": "1.0", "id": data["job_id"], "source": "cli", "type": EXECUTE_TYPE, "data": data}
    return given


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Stopped(Exit.FAILED, f"FILE is not JSON: {error}; it holds a job's data or a CloudEvent") from None
