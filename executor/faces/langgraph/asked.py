"""A run that a client asks for, as the event of a job. Pure."""

import json
import uuid
from typing import Any

from contract import EXECUTE_TYPE
from executor.faces.langgraph.bodies import JsonObject, RunBody
from executor.values import dumps

STRUCTURED = {"content-type": "application/cloudevents+json"}
OURS = frozenset(
    {"thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map", "run_id", "graph_id", "assistant_id"}
)
INTERNAL = ("__", "langgraph_", "deepagents_")  # what a graph notes of itself when it calls another
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "agent-executor:assistants")


class TwoContexts(ValueError):
    """A context was given in both ways."""


def assistant_id(agent: str) -> str:
    """The id of an agent: the same wherever it is asked."""
    return str(uuid.uuid5(NAMESPACE, agent))


def event(body: RunBody, job_id: str, thread_id: str, agent: str) -> bytes:
    """The event that asks for the job, in structured mode; raises TwoContexts."""
    given = {
        "context": _context(body),
        "recursion_limit": body.config.recursion_limit,
        "metadata": notes(body) or None,
        "checkpoint_id": body.begins_from,
    }
    data = {
        "job_id": job_id,
        "thread_id": thread_id,
        "agent_definition": {"agent": agent},
        "input_payload": body.input,
        **{name: value for name, value in given.items() if value is not None},
    }
    attributes = {"specversion": "1.0", "id": job_id, "source": "/runs", "type": EXECUTE_TYPE}
    multitask = {"multitask": "reject"} if body.multitask_strategy == "reject" else {}
    return json.dumps({**attributes, **multitask, "data": data}).encode()  # what cannot be kept stays, to be refused


def notes(body: RunBody) -> dict[str, str]:
    """What is noted of the run: text as it is, other values as their JSON."""
    tags = {"tags": body.config.tags} if body.config.tags else {}
    given = {**tags, **body.config.metadata, **body.metadata}
    return {name: _text(value) for name, value in given.items() if not name.startswith(INTERNAL)}


def _context(body: RunBody) -> JsonObject | None:
    """What the graph's runtime is given: by older clients it is in the config."""
    configured = {
        name: value
        for name, value in body.config.configurable.items()
        if name not in OURS and not name.startswith(INTERNAL)
    }
    if configured and body.context:
        raise TwoContexts(f"config.configurable: {', '.join(sorted(configured))} beside context")
    return body.context or configured or None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()
