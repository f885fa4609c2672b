"""How many steps a job may still take: the limit is the job's, and not each run's."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph._internal._config import DEFAULT_RECURSION_LIMIT
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from executor.errors import StepLimit
from executor.jobs.job import JobRequest

AHEAD = 2  # LangGraph runs so many steps more than the limit says, counted from the checkpoint that it goes on from


async def remaining_steps(
    graph: CompiledStateGraph[Any, Any, Any, Any], config: RunnableConfig, begun: StateSnapshot, job: JobRequest
) -> int | None:
    """The limit for a run that goes on from a checkpoint, None where it is not known; raises StepLimit where it is met.

    LangGraph counts anew whenever a run goes on, so that a job which asks, or dies, at every step would never end.
    """
    begin = await _first_step(graph.checkpointer, config, job)
    if begin is None:
        return None
    limit = int(job.recursion_limit or (graph.config or {}).get("recursion_limit") or DEFAULT_RECURSION_LIMIT)
    ahead = begin + limit + 1 - int((begun.metadata or {}).get("step", begin))
    if ahead <= 0:
        raise StepLimit(
            f"Recursion limit of {limit} reached over all runs of the job, without hitting a stop condition."
        )
    return max(ahead - AHEAD, 1)


async def _first_step(saver: Any, config: RunnableConfig, job: JobRequest) -> int | None:
    """The step of the checkpoint that took the job's input in, or that it began with where it has none."""
    source = "fork" if job.input_payload is None else "input"
    assert isinstance(saver, BaseCheckpointSaver)  # noqa: S101 - a run has one
    async for found in saver.alist(config, filter={"source": source, "job_id": job.job_id}, limit=1):
        return int(found.metadata["step"])
    return None
