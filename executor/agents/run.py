"""One job on its thread: from its input or from its last checkpoint to its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt, StateSnapshot

from executor.agents.state import as_json, last_text
from executor.agents.stream import MODES, entry_bodies
from executor.errors import Drained
from executor.jobs.entries import EntryBody
from executor.jobs.job import Claim, Completed, Interrupted, JobRequest, Result

FIRST = 1  # epoch
JOB = "job_id"  # the key of a checkpoint's metadata that says which job wrote it


@dataclass(frozen=True)
class Run:
    """A job on a graph that has a checkpointer; `emit` is told what happens, as it happens."""

    graph: CompiledStateGraph[Any, Any, Any, Any]
    job: JobRequest
    claim: Claim
    emit: Callable[[EntryBody], None]
    control: RunControl = field(default_factory=RunControl)
    context: Any = None

    async def finish(self) -> Result:
        """Run to the end; raises Drained where `drain` stopped it between two steps, or whatever a node raises."""
        begun = await self._begun()
        # Not `next`, which leaves out a task whose writes are committed and their checkpoint is not.
        if begun is not None and (not begun.tasks or self._waits(begun)):
            return _result(begun.values, begun.interrupts)
        try:
            return await self._stream(self.job.input_payload if begun is None else self._further(begun))
        except GraphDrained:
            raise Drained from None

    def drain(self) -> None:
        """Ask the graph to stop at its next step."""
        self.control.request_drain()

    async def _begun(self) -> StateSnapshot | None:
        """The thread's last checkpoint, where this job wrote it; under its first epoch it has written none."""
        if self.claim.epoch == FIRST:
            return None
        snapshot = await self.graph.aget_state(self._config)
        return snapshot if (snapshot.metadata or {}).get(JOB) == self.job.job_id else None

    def _waits(self, begun: StateSnapshot) -> bool:
        return bool(begun.interrupts) and not self._is_answered(begun)

    def _is_answered(self, begun: StateSnapshot) -> bool:
        """Whether the answer is to what the thread asks: a worker may have died when it had asked the next question."""
        answer = self.claim.answer or {"interrupts": ()}
        asked = {interrupt["id"] for interrupt in answer["interrupts"]}
        return {interrupt.id for interrupt in begun.interrupts} <= asked

    def _further(self, begun: StateSnapshot) -> Command[Any] | None:
        """None goes on from the checkpoint: the job's input would be appended a second time."""
        return Command(resume=self.claim.answer["resume"]) if begun.interrupts and self.claim.answer else None

    async def _stream(self, graph_input: Any) -> Result:
        values: Any = {}
        interrupts: tuple[Interrupt, ...] = ()
        async for part in self.graph.astream(
            graph_input,
            self._config,
            stream_mode=[*MODES, "values"],
            subgraphs=True,
            durability="sync",
            control=self.control,
            context=self.context,
            version="v2",
        ):
            if part["type"] != "values":
                for body in entry_bodies(part):
                    self.emit(body)
            elif not part["ns"]:
                values, interrupts = part["data"], part["interrupts"]
        return _result(values, interrupts)

    @property
    def _config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": self.job.thread_id}, "metadata": {JOB: self.job.job_id}}


def _result(values: Any, interrupts: tuple[Interrupt, ...]) -> Result:
    if interrupts:
        return Interrupted(as_json(interrupts))
    return Completed(last_text(values), as_json(values))
