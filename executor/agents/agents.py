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

from executor.agents import definition, graphs, inputs, long_texts
from executor.agents.declared import Declared
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
        self._known = {name: Declared.of(graph) for name, graph in known.items()}
        self.gates = gates or Gates()
        self._compiled: OrderedDict[str, Declared] = OrderedDict()
        long_texts.pass_over()

    async def open(self, job: JobRequest, claim: Claim, emit: Callable[[EntryBody], None]) -> Run:
        """A run of the job under the claim; raises Rejected where it is none that can run here, or GateClosed."""
        given = replace(job, input_payload=inputs.taken(job.input_payload))
        declared = await self._declared(given)
        if declared.gate is not None:
            self.gates.check(declared.gate)
        graph = declared.graph.copy(update={"checkpointer": self._saver(claim)})
        ready = replace(given, input_payload=declared.input(given))
        return Run(graph, ready, claim, emit, context=declared.context(given), gates=self.gates)

    async def check(self, job: JobRequest) -> None:
        """Raise Rejected unless `open` would open a run of the job."""
        inputs.check(job.input_payload)
        (await self._declared(job)).context(job)

    async def _declared(self, job: JobRequest) -> Declared:
        if (known := graphs.chosen(job.agent_definition, self._known)) is not None:
            return known
        key = json.dumps(job.agent_definition, sort_keys=True)
        if key not in self._compiled:
            self._compiled[key] = await self._compile(job)
            while len(self._compiled) > KEPT_GRAPHS:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]

    async def _compile(self, job: JobRequest) -> Declared:
        wanted = definition.read(job.agent_definition)
        if surprises := wanted.surprises():
            log.warning("keys of the agent definition are not understood", job=job.job_id, keys=surprises)
        return await asyncio.to_thread(_build, wanted, self._settings)


def _build(wanted: definition.Definition, settings: ModelSettings) -> Declared:
    # Imported here, off the event loop: deepagents and the providers' clients take seconds.
    from executor.agents.build import build  # noqa: PLC0415
    from executor.agents.models import gate_of  # noqa: PLC0415

    try:
        return Declared.of(build(wanted, settings), gate_of(wanted.root.config.model, settings))
    except (ValueError, TypeError) as error:
        raise Rejected(definition.INVALID, f"{definition.ROOT}: makes no graph: {error}") from error
