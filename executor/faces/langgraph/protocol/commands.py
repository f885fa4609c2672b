"""`/threads/{id}/commands`: begin a run, answer what one asks. What is wrong with a command is told in its answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from executor.api.problems import Problem
from executor.errors import ExecutorError, TryAgain
from executor.faces.langgraph.begin import Begun, answered, begin
from executor.faces.langgraph.bodies import Body, JsonObject, NotServed, RunBody, Strategy
from executor.faces.langgraph.face import Desk
from executor.faces.langgraph.protocol.events import sequence_of
from executor.jobs.job import TERMINAL, Job, JobFilter
from executor.jobs.validation import describe

ErrorCode = Literal["invalid_argument", "unknown_command", "no_such_interrupt", "not_supported"]
NOT_SERVED = frozenset(
    {
        "subscription.subscribe", "subscription.unsubscribe", "subscription.reconnect", "agent.getTree",
        "input.inject", "state.get", "state.listCheckpoints", "state.fork",
    }
)  # fmt: skip
LOOK_SECONDS = 0.05
LOOKS = 100
LATEST = 50  # jobs


class Command(BaseModel):
    """A command as it comes."""

    model_config = ConfigDict(extra="ignore")

    id: int
    method: str
    params: JsonObject = {}


class RunStart(Body):
    """A run that is to begin; on a thread that asks something the input is the answer."""

    assistant_id: str
    input: Any = None
    config: JsonObject | None = None
    metadata: JsonObject | None = None
    multitask_strategy: Strategy | None = None
    multitaskStrategy: Strategy | None = None  # noqa: N815 - as some clients spell it
    langsmith_tracer: NotServed = None

    def body(self) -> RunBody:
        """The same as the other routes take it; raises ValidationError."""
        rest = {"config": self.config, "metadata": self.metadata, "input": self.input}
        strategy = self.multitask_strategy or self.multitaskStrategy
        return RunBody.model_validate(
            {"assistant_id": self.assistant_id, "if_not_exists": "create", "multitask_strategy": strategy, **rest}
        )


class Response(Body):
    """An answer to one question."""

    interrupt_id: str
    response: Any = None
    namespace: list[str] | None = None


class Responses(Body):
    """Answers to questions of the thread; how the run goes on is not theirs to say."""

    responses: list[Response]
    update: NotServed = None
    goto: NotServed = None
    config: JsonObject | None = None
    metadata: JsonObject | None = None


class Refused(ExecutorError):
    """A command that cannot be done."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Asked(NamedTuple):
    """Who asks for what on which thread, and the trace that the request belongs to."""

    desk: Desk
    thread_id: str
    traced: Mapping[str, str]


async def done(asked: Asked, command: Command) -> dict[str, Any]:
    """The answer to a command; raises TryAgain where it may be done a moment later."""
    try:
        begun = await _do(asked, command)
    except Refused as error:
        return _refusal(command, error.code, str(error))
    except Problem as error:
        return _refusal(command, "invalid_argument", error.detail)
    except ValidationError as error:
        return _refusal(command, "invalid_argument", "; ".join(describe(error, "params")))
    except TryAgain:
        raise
    except ExecutorError as error:
        return _refusal(command, "invalid_argument", str(error))
    # What comes next is after this: whoever goes on from here is not told the end of an earlier run.
    meta = {"applied_through_seq": sequence_of(begun.since) + 1 if begun.since.milliseconds else 0}
    return {"type": "success", "id": command.id, "result": {"run_id": begun.job_id}, "meta": meta}


def _refusal(command: Command, code: ErrorCode, message: str) -> dict[str, Any]:
    return {"type": "error", "id": command.id, "error": code, "message": message}


async def _do(asked: Asked, command: Command) -> Begun:
    make = MAKERS.get(command.method)
    if make is not None:
        return await make(asked, command.params)
    if command.method in NOT_SERVED:
        raise Refused("not_supported", f"{command.method} is not served here")
    raise Refused("unknown_command", f"{command.method!r} is no command")


async def _start(asked: Asked, params: JsonObject) -> Begun:
    given = RunStart.model_validate(params)
    thread = await asked.desk.threads.get(asked.thread_id)
    waits = thread is not None and thread.status == "interrupted"
    if waits and given.input is not None and not _is_fork(given.config):
        asks = await _asking(asked, lambda job: job.status == "interrupted")
        return await answered(asked.desk, asks, given.input, "params.input")
    last = await asked.desk.jobs.watches.last(asked.thread_id)
    return (await begin(asked.desk, given.body(), asked.thread_id, asked.traced))._replace(since=last)


async def _respond(asked: Asked, params: JsonObject) -> Begun:
    given = _responses(params)
    ids = {each.interrupt_id for each in given.responses}
    asks = await _asking(asked, lambda job: ids <= _questions(job))
    answers = {each.interrupt_id: each.response for each in given.responses}
    return await answered(asked.desk, asks, answers, "params.response")


def _responses(params: JsonObject) -> Responses:
    if "responses" in params:
        return Responses.model_validate(params)
    own = {name: params[name] for name in Response.model_fields if name in params}
    rest = {name: value for name, value in params.items() if name not in own}
    return Responses.model_validate({"responses": [Response.model_validate(own)], **rest})


async def _asking(asked: Asked, is_meant: Callable[[Job], bool]) -> Job:
    """The run that asks; the stream tells of a question a moment before the ledger knows it."""
    for _ in range(LOOKS):
        jobs = await asked.desk.jobs.register.jobs(LATEST, JobFilter(thread_id=asked.thread_id))
        under_way = [job for job in jobs if job.status not in TERMINAL]
        if found := next(filter(is_meant, under_way), None):
            return found
        if all(job.status == "interrupted" for job in under_way):
            break
        await asyncio.sleep(LOOK_SECONDS)
    raise Refused("no_such_interrupt", f"params.interrupt_id: that is not asked on thread {asked.thread_id!r}")


def _questions(job: Job) -> set[str]:
    """The ids of what it asks still; it may go on already with answers to others."""
    return {each["id"] for each in (job.result or {}).get("interrupts", ())}


def _is_fork(config: JsonObject | None) -> bool:
    configurable = (config or {}).get("configurable")
    return isinstance(configurable, dict) and configurable.get("checkpoint_id") is not None


MAKERS: dict[str, Callable[[Asked, JsonObject], Awaitable[Begun]]] = {
    "run.start": _start,
    "input.respond": _respond,
}
