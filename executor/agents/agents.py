"""The agents of this process: compiled graphs by definition, each run on the checkpointer of its claim."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver

from executor.agents import definition, graphs, inputs
from executor.agents.gates import Gates
from executor.agents.run import Run
from executor.errors import Rejected
from executor.jobs.entries import EntryBody
from executor.jobs.job import Claim, JobRequest
from executor.settings import ModelSettings

log = structlog.get_logger()

KEPT_GRAPHS = 64


class Agents:
    """Opens runs of jobs: on graphs `known` by name, or on definitions, of which the latest are kept compiled."""

    def __init__(
        self,
        settings: ModelSettings,
        saver: Callable[[Claim], BaseCheckpointSaver[Any]],
        known: graphs.Graphs = MappingProxyType({}),
        gates: Gates | None = None,
    ) -> None:
        self._settings = settings
        self._saver = saver
        self._known = known
        self.gates = gates or Gates()
        self._graphs: OrderedDict[str, Any] = OrderedDict()

    async def open(self, job: JobRequest, claim: Claim, emit: Callable[[EntryBody], None]) -> Run:
        """A run of the job under the claim; raises Rejected where its definition makes no graph that can run here."""
        given = replace(job, input_payload=inputs.taken(job.input_payload))
        graph = await self._graph(job)
        graph = graph.copy(update={"checkpointer": self._saver(claim)})
        return Run(graph, given, claim, emit, callbacks=self.gates.handlers)

    async def check(self, job: JobRequest) -> None:
        """Raise Rejected unless `open` would open a run of the job."""
        inputs.check(job.input_payload)
        await self._graph(job)

    async def _graph(self, job: JobRequest) -> Any:
        if (known := graphs.chosen(job.agent_definition, self._known)) is not None:
            return known
        key = json.dumps(job.agent_definition, sort_keys=True)
        if key not in self._graphs:
            self._graphs[key] = await self._compile(job)
            while len(self._graphs) > KEPT_GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        return self._graphs[key]

    async def _compile(self, job: JobRequest) -> Any:
        wanted = definition.read(job.agent_definition)
        if surprises := wanted.surprises():
            log.warning("keys of the agent definition are not understood", job=job.job_id, keys=surprises)
        return await asyncio.to_thread(_build, wanted, self._settings)


def _build(wanted: definition.Definition, settings: ModelSettings) -> Any:
    # Imported here, off the event loop: deepagents and the providers' clients take seconds.
    from executor.agents.build import build  # noqa: PLC0415

    try:
        return build(wanted, settings)
    except (ValueError, TypeError) as error:
        raise Rejected(definition.INVALID, f"{definition.ROOT}: makes no graph: {error}") from error
