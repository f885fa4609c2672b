"""Threads, runs and assistants, as the protocol shows them. Pure."""

from collections.abc import Iterable
from typing import Any

from executor.faces.langgraph.asked import assistant_id
from executor.faces.langgraph.bodies import JsonObject
from executor.jobs.agents import KnownAgent
from executor.jobs.job import Job
from executor.jobs.states import ThreadState
from executor.jobs.threads import Thread

# A run that waits for a person is over: `interrupted` is what the protocol says of one that was cancelled.
STATUSES = {
    "queued": "pending",
    "parked": "pending",
    "running": "running",
    "interrupted": "success",
    "completed": "success",
    "failed": "error",
    "cancelled": "interrupted",
}
NEVER = "1970-01-01T00:00:00Z"  # nobody keeps when an agent came


def run(job: Job) -> JsonObject:
    """A job as a run."""
    return {
        "run_id": job.job_id,
        "thread_id": job.thread_id,
        "assistant_id": assistant_id(job.agent) if job.agent else "",
        "created_at": job.created_at,
        "updated_at": job.finished_at or job.started_at or job.created_at,
        "status": STATUSES[job.status],
        "metadata": job.metadata or {},
        "multitask_strategy": "enqueue",
        "kwargs": {},
        **({"error": failure(job)["message"]} if job.status == "failed" else {}),
    }


def jobs_statuses(status: str) -> list[str]:
    """The words of ours for a status of runs; none where no run has it."""
    return [ours for ours, theirs in STATUSES.items() if theirs == status]


def thread(found: Thread, state: ThreadState | None) -> JsonObject:
    """A thread, with what it holds where that was read."""
    return {
        "thread_id": found.thread_id,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
        "state_updated_at": found.updated_at,
        "metadata": found.metadata,
        "status": found.status,
        "config": {},
        "values": state.values if state else None,
        "interrupts": _asked(state) if state and found.status == "interrupted" else {},
    }


def _asked(state: ThreadState) -> JsonObject:
    return {task.id: list(task.interrupts) for task in state.tasks if task.interrupts}


def assistant(agent: KnownAgent) -> JsonObject:
    """An agent as an assistant, which nobody can change."""
    return {
        "assistant_id": assistant_id(agent.name),
        "graph_id": agent.name,
        "name": agent.name,
        "description": agent.description,
        "config": {},
        "context": {},
        "metadata": {"created_by": "system"},
        "version": 1,
        "created_at": NEVER,
        "updated_at": NEVER,
    }


def of_agent(name: str) -> JsonObject:
    """What a thread is noted for, so that those of an agent are found."""
    return {"graph_id": name, "assistant_id": assistant_id(name)}


def picked(found: JsonObject, names: Iterable[str] | None) -> JsonObject:
    """Only what was asked for, where that was said."""
    return found if names is None else {name: value for name, value in found.items() if name in set(names)}


def failure(job: Job) -> JsonObject:
    """Why a run failed."""
    error: dict[str, Any] = job.error or {}
    return {"error": str(error.get("type", "Error")), "message": str(error.get("message", ""))}
