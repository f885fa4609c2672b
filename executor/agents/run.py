"""One job on its thread: from its input or from its last checkpoint to its end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from executor.agents.state import as_json, last_text
from executor.agents.stream import MODES, happenings
from executor.entries import Happening
from executor.errors import Drained
from executor.jobs import Completed, Interrupted, JobRequest, Result

JOB = "job_id"  # the key of a checkpoint's metadata that says which job wrote it


@dataclass(frozen=True)
class Run:
    """A job on a graph that has a checkpointer; `emit` is told what happens, as it happens."""

    graph: CompiledStateGraph[Any, Any, Any, Any]
    job: JobRequest
    emit: Callable[[Happening], None]
    answer: dict[str, Any] | None = None
    control: RunControl = field(default_factory=RunControl)

    async def finish(self) -> Result:
        """Run to the end; raises Drained where `drain` stopped it between two steps, or whatever a node raises."""
        snapshot = await self.graph.aget_state(self._config)
        if self._is_mine(snapshot) and (not snapshot.next or self._waits(snapshot)):
            return _end(snapshot)
        try:
            await self._stream(self._input(snapshot))
        except GraphDrained:
            raise Drained from None
        return _end(await self.graph.aget_state(self._config))

    def drain(self) -> None:
        """Ask the graph to stop at its next step."""
        self.control.request_drain()

    def _input(self, snapshot: StateSnapshot) -> Any:
        """The job's input where it is new. None goes on from its checkpoint: the same input would be appended twice."""
        if not self._is_mine(snapshot):
            return self.job.input_payload
        return Command(resume=self.answer["resume"]) if self.answer and snapshot.interrupts else None

    def _waits(self, snapshot: StateSnapshot) -> bool:
        return bool(snapshot.interrupts) and self.answer is None

    async def _stream(self, graph_input: Any) -> None:
        async for part in self.graph.astream(
            graph_input,
            self._config,
            stream_mode=MODES,
            subgraphs=True,
            durability="sync",
            control=self.control,
            version="v2",
        ):
            for happening in happenings(part):
                self.emit(happening)

    @property
    def _config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": self.job.thread_id}, "metadata": {JOB: self.job.job_id}}

    def _is_mine(self, snapshot: StateSnapshot) -> bool:
        return (snapshot.metadata or {}).get(JOB) == self.job.job_id


def _end(snapshot: StateSnapshot) -> Result:
    if snapshot.interrupts:
        return Interrupted(as_json(snapshot.interrupts))
    return Completed(last_text(snapshot.values), as_json(snapshot.values))
