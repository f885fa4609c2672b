"""How a run begins: as a new job, in place of one that waits or works on its thread, or by the answer to one."""

import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from executor.api.problems import Problem
from executor.api.service import SubmittedJob
from executor.faces.langgraph.asked import STRUCTURED, TwoContexts, event
from executor.faces.langgraph.assistants import agent_of
from executor.faces.langgraph.bodies import RunBody
from executor.faces.langgraph.face import Desk
from executor.faces.langgraph.shown import of_agent
from executor.jobs.answers import NotAsked, WrongAnswer
from executor.jobs.entries import BEGINNING, Place
from executor.jobs.job import Job, JobFilter
from executor.jobs.threads import Thread

REFUSED = HTTPStatus.UNPROCESSABLE_ENTITY


class Begun(NamedTuple):
    """A run under way; whoever began it is told what comes after the place."""

    job_id: str
    thread_id: str
    since: Place = BEGINNING


async def begin(desk: Desk, body: RunBody, thread_id: str | None, traced: Mapping[str, str]) -> Begun:
    """Begin a run on the thread, or on one of its own; raises Problem, Rejected, TryAgain, or what `submit` does."""
    agent = agent_of(desk, body.assistant_id)
    thread = None if thread_id is None else await _thread(desk, thread_id, body)
    waits = thread is not None and thread.status == "interrupted"
    if body.answer is not None:
        return await _answer(desk, thread, body)
    if body.input is None and body.begins_from is None:
        return await _go_on(desk, thread)
    _check_free(thread, body)
    on = thread_id or str(uuid.uuid4())
    sent = await _sent(desk, body, on, agent.name, traced)
    await _check_beginning(desk, sent, body)
    await _note(desk, thread, on, agent.name)
    if waits or body.multitask_strategy == "interrupt":
        await desk.jobs.submit_instead(sent, desk.caller, waiting=body.multitask_strategy != "interrupt")
    else:
        await desk.jobs.submit([sent], desk.caller)
    return Begun(sent.job.job_id, on)


async def _thread(desk: Desk, thread_id: str, body: RunBody) -> Thread | None:
    found = await desk.threads.get(thread_id)
    if found is None and body.if_not_exists == "reject":
        raise Problem(HTTPStatus.NOT_FOUND, f"no thread {thread_id!r}; `if_not_exists` may be 'create'")
    return found


def _check_free(thread: Thread | None, body: RunBody) -> None:
    if body.multitask_strategy == "reject" and thread is not None and thread.status == "busy":
        raise Problem(HTTPStatus.CONFLICT, "multitask_strategy: the thread is busy", field="multitask_strategy")


async def _check_beginning(desk: Desk, sent: SubmittedJob, body: RunBody) -> None:
    """Refuse a checkpoint that is not there, or another thread's."""
    thread_id, wanted = sent.job.thread_id, sent.job.checkpoint_id
    of_another = body.checkpoint is not None and body.checkpoint.thread_id not in {None, thread_id}
    if of_another or (wanted is not None and await desk.states.at(thread_id, wanted) is None):
        raise Problem(REFUSED, f"checkpoint: the thread has no checkpoint {wanted!r}", field="checkpoint")


async def _sent(desk: Desk, body: RunBody, thread_id: str, agent: str, traced: Mapping[str, str]) -> SubmittedJob:
    try:
        asked = event(body, str(uuid.uuid4()), thread_id, agent)
    except TwoContexts as error:
        raise Problem(REFUSED, str(error), field="config.configurable") from None
    return await desk.jobs.accept(desk.jobs.read({**STRUCTURED, **traced}, asked))


async def _note(desk: Desk, thread: Thread | None, thread_id: str, agent: str) -> None:
    """Make the thread, so that it is there for whoever asks next, and note whose it is."""
    noted = of_agent(agent)
    if thread is None:
        await desk.threads.create(thread_id, noted, if_exists="do_nothing")
    elif not noted.items() <= thread.metadata.items():
        await desk.threads.patch(thread_id, noted)


async def _answer(desk: Desk, thread: Thread | None, body: RunBody) -> Begun:
    """Answer what the thread asks; the run that goes on is the one that asked."""
    if body.input:
        raise Problem(REFUSED, "input: cannot come with an answer (`command.resume`)", field="input")
    asks = await _asking(desk, thread)
    if asks is None:
        raise Problem(HTTPStatus.CONFLICT, "command.resume: nothing is asked on the thread", field="command.resume")
    return await answered(desk, asks, body.answer, "command.resume")


async def answered(desk: Desk, asks: Job, answer: Any, field: str) -> Begun:
    """The run that goes on with the answer, which a field of a request gave."""
    since = await desk.jobs.watches.last(asks.thread_id)
    try:
        await desk.jobs.resume(asks.job_id, answer, desk.caller)
    except NotAsked as error:
        raise Problem(HTTPStatus.CONFLICT, f"{field}: {error}", field=field) from None
    except WrongAnswer as error:
        at = field + error.field.removeprefix("resume")
        raise Problem(REFUSED, f"{field}: {error}", field=at) from None
    return Begun(asks.job_id, asks.thread_id, since)


async def _go_on(desk: Desk, thread: Thread | None) -> Begun:
    """Without an input a run goes on where its thread stands at a breakpoint."""
    asks = await _asking(desk, thread)
    if asks is None:
        raise Problem(REFUSED, "input: is missing, and the thread does not stand at a breakpoint", field="input")
    asked = (asks.result or {}).get("interrupts", [])
    if not all(_is_breakpoint(each) for each in asked):
        raise Problem(REFUSED, "input: is missing; the thread waits for an answer (`command.resume`)", field="input")
    return await answered(desk, asks, {each["id"]: True for each in asked}, "input")


async def _asking(desk: Desk, thread: Thread | None) -> Job | None:
    """The job that waits for a person on the thread."""
    if thread is None:
        return None
    found = await desk.jobs.register.jobs(1, JobFilter(thread_id=thread.thread_id, status="interrupted"))
    return found[0] if found else None


def _is_breakpoint(asked: dict[str, Any]) -> bool:
    value = asked.get("value")
    return isinstance(value, dict) and value.keys() == {"breakpoint"}
