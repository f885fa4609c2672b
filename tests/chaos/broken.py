"""The service with one bug put in from outside: what the suite must find. `python -m tests.chaos.broken NAME serve`."""

# ruff: noqa: PLC0415 - a bug imports what it changes, in the process that has it

import json
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import count
from typing import Any

import structlog

from contract import Env
from tests.chaos.history import OUTAGE
from tests.chaos.jobs import ASKING

log = structlog.get_logger()
LEFT_OPEN: list[Any] = []


@dataclass(frozen=True)
class Bug:
    """What to change in the process, the faults that show it, and the invariant that it breaks."""

    put_in: Callable[[], None]
    breaks: str
    kinds: tuple[str, ...] = ()
    seconds: float = 12.0
    sql: str = ""
    asking: float = ASKING

    def changes(self) -> dict[str, Any]:
        """Of the options of a run."""
        small = {"jobs": None, "calm": 5, "settle": 45.0, "pause": (2.0, 5.0)}
        return {**small, "seconds": self.seconds, "kinds": self.kinds, "sql": self.sql, "asking": self.asking}


def _replace(of: Any, name: str, by: Any) -> None:
    setattr(of, name, by)


def leases_are_not_heeded() -> None:
    from executor.ledger.sql import worker as sql

    sql.CLAIM = sql.CLAIM.replace("coalesce(job.lease_until <= now(), true)", "true")


def nothing_is_marked() -> None:
    from executor.ledger.sql import worker as sql

    sql.SETTLE = sql.SETTLE.replace("published_at IS NULL)", "false)")


def acknowledged_before_the_work() -> None:
    from executor.worker.processor import Processor

    work = Processor._work

    async def hasty(self: Processor, held: Any) -> None:
        await held.delivery.ack()
        await work(self, held)

    _replace(Processor, "_work", hasty)


def begins_from_the_input() -> None:
    from executor.agents.run import Run

    async def never(_: Run) -> None:
        return None

    _replace(Run, "_begun", never)


def results_lack_a_reply() -> None:
    from executor.agents import run, state

    whole = state.as_json

    def cut(values: Any) -> Any:
        final = whole(values)
        return {**final, "messages": final["messages"][:-1]} if "messages" in final else final

    _replace(run, "as_json", cut)


def lost_leases_are_not_noticed() -> None:
    from executor.worker.leases import Held

    _replace(Held, "end", lambda *_: None)
    os.environ[Env.EXECUTOR_CHECKPOINT_SAVER] = "stock"  # which is not fenced


def events_are_told_twice() -> None:
    _publish_again(lambda message: replace(message, id=uuid.uuid4().hex))


def events_get_another_id() -> None:
    def another(message: Any) -> Any:
        new = uuid.uuid4().hex
        return replace(message, id=new, body=json.dumps(json.loads(message.body) | {"id": new}).encode())

    _publish_again(another)


def _publish_again(changed: Callable[[Any], Any]) -> None:
    from executor.broker import Broker

    publish = Broker.publish

    async def again(self: Broker, message: Any) -> None:
        await publish(self, message)
        if ".status." in message.subject:
            await publish(self, changed(message))

    _replace(Broker, "publish", again)


def turns_are_not_waited_for() -> None:
    from executor.ledger.sql import worker as sql
    from executor.worker.thread_order import ThreadOrder

    async def at_once(*_: object) -> None:
        return

    _replace(ThreadOrder, "wait", at_once)
    sql.CLAIM = sql.CLAIM.replace("other.sequence < asked.sequence", "false")
    sql.SETTLE = sql.SETTLE.replace("ORDER BY sequence LIMIT 1", "ORDER BY sequence DESC LIMIT 1")


def threads_are_shared() -> None:
    from executor.ledger.sql import worker as sql

    turns_are_not_waited_for()
    sql.CLAIM = sql.CLAIM.replace("other.started_at IS NOT NULL", "false")


def there_are_no_dead_letters() -> None:
    from executor.jobs.outcomes import Outcomes

    _replace(Outcomes, "failed", lambda self, job, _, cause, claim=None: self.lost(job, cause, claim))


def streams_do_not_end() -> None:
    from executor.progress import Progress

    emit = Progress.emit
    _replace(Progress, "emit", lambda self, entry: None if entry.type == "end" else emit(self, entry))


def things_are_left_open() -> None:
    from executor.agents.agents import Agents

    opened = Agents.open

    async def careless(self: Agents, *args: Any) -> Any:
        LEFT_OPEN.append((open(os.devnull), bytearray(os.urandom(1 << 20))))  # noqa: SIM115, PTH123, ASYNC230 - the bug
        return await opened(self, *args)

    _replace(Agents, "open", careless)


def secrets_are_logged() -> None:
    log.info("starting", environment=dict(os.environ))


def something_is_not_foreseen() -> None:
    from executor.worker.thread_order import ThreadOrder

    wait, times = ThreadOrder.wait, count(1)

    async def failing(self: ThreadOrder, *args: Any) -> None:
        await wait(self, *args)
        if next(times) % 10 == 0:
            raise RuntimeError("not foreseen")

    _replace(ThreadOrder, "wait", failing)


def jobs_are_shown_as_running() -> None:
    from executor.ledger import Register

    jobs = Register.jobs

    async def running(self: Register, *args: Any) -> Any:
        return [replace(job, status="running") for job in await jobs(self, *args)]

    _replace(Register, "jobs", running)


def stops_with_a_failure() -> None:
    from executor import app

    served = app.serve

    async def failing(settings: Any) -> None:
        await served(settings)
        sys.exit(3)

    _replace(app, "serve", failing)


def questions_have_no_turns() -> None:
    from executor.jobs import outcomes

    _replace(outcomes, "_which", lambda asked: ",".join(sorted(question.id for question in asked)))


def any_answer_is_taken() -> None:
    from executor.jobs import answers

    _replace(answers, "_check", lambda *_: None)


def answers_are_given_to_any_question() -> None:
    from langgraph.types import Command

    from executor.agents.run import Run

    def further(self: Run, begun: Any) -> Any:
        given = next(iter(self.claim.answers.values()), None)
        return Command(resume={each.id: given for each in begun.interrupts}) if self.claim.answers else None

    _replace(Run, "_further", further)


def answers_are_attempts() -> None:
    from executor.ledger.sql import worker as sql

    sql.FINISH = sql.FINISH.replace("attempts = attempts - (held.status = 'interrupted')::int", "attempts = attempts")


def wrong_answers_fail() -> None:
    from executor.jobs import verdict

    import_module("executor.worker.processor")  # it has the class, before its name is another's

    def failed(kind: str, message: str) -> Any:
        return verdict.Failure(verdict.EXHAUSTED, kind, message, retryable=False)

    _replace(verdict, "AskAgain", failed)


def outages_are_not_waited_for() -> None:
    os.environ[Env.EXECUTOR_RETRY_SECONDS] = "3"


def there_is_no_gate() -> None:
    from executor.jobs import gate

    _replace(gate, "REFUSALS", sys.maxsize)


OFTEN = 0.5
NO_INDEX = "DROP INDEX jobs_one_begun_per_thread"
BROKEN = {
    "two-ids": Bug(events_get_another_id, "one_terminal_event"),
    "told-twice": Bug(events_are_told_twice, "published_once"),
    "early-ack": Bug(acknowledged_before_the_work, "one_terminal_event", ("kill",)),
    "unfenced": Bug(lost_leases_are_not_noticed, "committed_steps_stay", ("pause",), 40.0),
    "unleased": Bug(leases_are_not_heeded, "repeats_are_excused"),
    "threads-shared": Bug(threads_are_shared, "threads_take_turns", sql=NO_INDEX),
    "unordered": Bug(turns_are_not_waited_for, "threads_keep_their_order"),
    "from-input": Bug(begins_from_the_input, "committed_steps_stay", ("kill",)),
    "cut-short": Bug(results_lack_a_reply, "results_are_whole"),
    "unmarked": Bug(nothing_is_marked, "comes_to_rest"),
    "endless": Bug(streams_do_not_end, "streams_end"),
    "no-letters": Bug(there_are_no_dead_letters, "letters_are_the_poison"),
    "bad-end": Bug(stops_with_a_failure, "workers_end_well"),
    "left-open": Bug(things_are_left_open, "workers_stay_small", seconds=75.0),
    "indiscreet": Bug(secrets_are_logged, "secrets_stay_secret"),
    "unforeseen": Bug(something_is_not_foreseen, "no_bug_is_logged"),
    "shown-wrong": Bug(jobs_are_shown_as_running, "http_agrees"),
    "untold": Bug(questions_have_no_turns, "questions_are_told", asking=OFTEN),
    "unchecked": Bug(any_answer_is_taken, "answers_are_judged", asking=OFTEN),
    "mixed-up": Bug(answers_are_given_to_any_question, "answers_are_taken_once", asking=OFTEN),
    "counted": Bug(answers_are_attempts, "attempts_are_faults", asking=OFTEN),
    "unforgiving": Bug(wrong_answers_fail, "one_terminal_event", asking=OFTEN),
    "impatient": Bug(outages_are_not_waited_for, "one_terminal_event", (OUTAGE,), 30.0),
    "gateless": Bug(there_is_no_gate, "outages_meet_no_storm", (OUTAGE,), 30.0),
}


def main() -> None:
    """Put the bug in, then be the executor."""
    from executor.__main__ import main as executor

    BROKEN[sys.argv.pop(1)].put_in()
    executor()


if __name__ == "__main__":
    main()
