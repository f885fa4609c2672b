"""One job on its thread: from its input or from its last checkpoint to its end, or to what it asks people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained, GraphRecursionError
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from executor.agents.gates import Gates
from executor.agents.questions import cut_short, passed_breakpoint, questions_of
from executor.agents.state import last_text, whole_as_json
from executor.agents.steps import remaining_steps
from executor.agents.stream import MODES, asks, entry_bodies
from executor.errors import Drained, Rejected, StepLimit
from executor.jobs.claims import Claim
from executor.jobs.entries import EntryBody
from executor.jobs.job import Completed, Interrupted, JobRequest, Result

FIRST = 1  # epoch
UNKNOWN_CHECKPOINT = "unknown_checkpoint"
JOB = "job_id"  # the key of a checkpoint's metadata that says which job wrote it


@dataclass
class Run:
    """A job on a graph that has a checkpointer; `emit` is told what happens, as it happens.

    `is_answer` says that the run goes on from people's answers to what it asked.
    """

    graph: CompiledStateGraph[Any, Any, Any, Any]
    job: JobRequest
    claim: Claim
    emit: Callable[[EntryBody], None]
    control: RunControl = field(default_factory=RunControl)
    context: Any = None
    gates: Gates | None = None
    is_answer: bool = field(default=False, init=False)

    async def finish(self) -> Result:
        """Run to the end; raises Drained where `drain` stopped it between two steps, or whatever a node raises."""
        if self.gates is not None:
            self.gates.watch()
        begun = await self._begun()
        if begun is None:
            beginning = await self._beginning()
            return await self._stream(self.job.input_payload, beginning | self._limited(self.job.recursion_limit))
        asked = questions_of(begun) or await passed_breakpoint(self.graph, begun)
        # Not `next`, which leaves out a task whose writes are committed and their checkpoint is not.
        if not begun.tasks or (asked and not self._are_answered(asked)):
            return await _came_to(begun, asked)
        further = self._further(begun)
        self.is_answer = further is not None
        steps = await remaining_steps(self.graph, self._config, begun, self.job)
        return await self._stream(further, self._config | self._limited(steps))

    async def asked(self) -> list[dict[str, Any]]:
        """What the thread asks after an answer that its own code could not take: all but what others cut short."""
        snapshot = await self.graph.aget_state(self._config)
        spared = cut_short(snapshot) & self.claim.answers.keys()
        asked = questions_of(snapshot)
        return [question for question in asked if question["id"] not in spared] or asked

    def drain(self) -> None:
        """Ask the graph to stop at its next step."""
        self.control.request_drain()

    async def _begun(self) -> StateSnapshot | None:
        """The thread's last checkpoint, where this job wrote it; under its first epoch it has written none."""
        if self.claim.epoch == FIRST:
            return None
        snapshot = await self.graph.aget_state(self._config)
        return snapshot if (snapshot.metadata or {}).get(JOB) == self.job.job_id else None

    async def _beginning(self) -> RunnableConfig:
        """Where the job begins: where its thread stands, or from the checkpoint that it names; Rejected without it."""
        if self.job.checkpoint_id is None:
            return self._config
        begin: RunnableConfig = {
            **self._config,
            "configurable": {**self._place, "checkpoint_id": self.job.checkpoint_id},
        }
        if not (await self.graph.aget_state(begin)).metadata:
            named = f"data.checkpoint_id: the thread has no checkpoint {self.job.checkpoint_id!r}"
            raise Rejected(UNKNOWN_CHECKPOINT, named)
        return begin

    def _are_answered(self, asked: Sequence[dict[str, Any]]) -> bool:
        """Whether at least one of them is: the others are asked again by the step itself."""
        return any(question["id"] in self.claim.answers for question in asked)

    def _further(self, begun: StateSnapshot) -> Command[Any] | None:
        """None goes on from the checkpoint: the job's input would be appended a second time.

        Answers are given by the ids of what asks now: LangGraph has those to earlier questions already.
        """
        answers = self.claim.answers
        given = {interrupt.id: answers[interrupt.id] for interrupt in begun.interrupts if interrupt.id in answers}
        return Command(resume=given) if given else None

    async def _stream(self, graph_input: Any, config: RunnableConfig) -> Result:
        try:
            values, may_ask = await self._stream_values(graph_input, config)
        except GraphDrained:
            raise Drained from None
        except GraphRecursionError as error:
            raise StepLimit(str(error)) from error
        if not may_ask:
            return Completed(last_text(values), await whole_as_json(values))
        # What the last part of a stream holds depends on which task of a step came last: only the state says it all.
        snapshot = await self.graph.aget_state(self._config)
        return await _came_to(snapshot, questions_of(snapshot, at_breakpoint=True))

    async def _stream_values(self, graph_input: Any, config: RunnableConfig) -> tuple[Any, bool]:
        """The last values, and whether the graph may have stopped to ask; each stop to ask is told as an update."""
        values: Any = {}
        may_ask = False
        async for part in self.graph.astream(
            graph_input,
            config,
            stream_mode=[*MODES, "values"],
            subgraphs=True,
            durability="sync",
            control=self.control,
            context=self.context,
            version="v2",
        ):
            if part["type"] != "values":
                may_ask = may_ask or asks(part)
                for body in entry_bodies(part):
                    self.emit(body)
            elif not part["ns"]:
                values = part["data"]
        return values, may_ask

    @property
    def _config(self) -> RunnableConfig:
        return {"configurable": self._place, "metadata": {JOB: self.job.job_id}}

    @property
    def _place(self) -> dict[str, str]:
        return {"thread_id": self.job.thread_id}

    @staticmethod
    def _limited(steps: int | None) -> RunnableConfig:
        return {} if steps is None else {"recursion_limit": steps}


async def _came_to(snapshot: StateSnapshot, asked: list[dict[str, Any]]) -> Result:
    if asked:
        return Interrupted(asked)
    return Completed(last_text(snapshot.values), await whole_as_json(snapshot.values))
