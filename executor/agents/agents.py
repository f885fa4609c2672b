"""The agents of this process: compiled graphs by definition, each run on the checkpointer of its claim."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver

from executor.agents import definition, drawing, graphs, inputs, long_texts
from executor.agents.catalogue import UNKNOWN, Catalogue
from executor.agents.declared import Declared, Graph
from executor.agents.gates import Gates
from executor.agents.run import Run
from executor.errors import Rejected
from executor.jobs.agents import UNRESOLVED, KnownAgent, Resolved, agent_asked
from executor.jobs.claims import Claim
from executor.jobs.entries import EntryBody
from executor.jobs.job import JobRequest
from executor.settings import ModelSettings

log = structlog.get_logger()

KEPT_GRAPHS = 64
NOT_ALLOWED = "inline_definitions_not_allowed"

Kept = Callable[[str], Awaitable[dict[str, Any] | None]]  # a definition by its digest; raises TryAgain


class Agents:
    """Opens runs of jobs: on graphs `known` by name, or on definitions, of which the latest are kept compiled.

    `catalogue` has the agents by name, `kept` what a name meant before; `inline` allows definitions in messages.
    """

    def __init__(  # noqa: PLR0913 - each is one of its needs
        self,
        settings: ModelSettings,
        saver: Callable[[Claim], BaseCheckpointSaver[Any]],
        known: graphs.Graphs = MappingProxyType({}),
        *,
        gates: Gates | None = None,
        catalogue: Catalogue | None = None,
        kept: Kept | None = None,
        inline: bool = True,
        delta: bool = False,
    ) -> None:
        self._settings = settings
        self._saver = saver
        self._known = {name: Declared.of(graph) for name, graph in known.items()}
        self._catalogue = catalogue or Catalogue(graphs=dict.fromkeys(known))
        self._kept = kept
        self._inline = inline
        self._delta = delta
        self.gates = gates or Gates()
        self._compiled: OrderedDict[str, Declared] = OrderedDict()
        long_texts.pass_over()

    async def open(self, job: JobRequest, claim: Claim, emit: Callable[[EntryBody], None]) -> Run:
        """A run of the job under the claim; raises Rejected where it is none that can run here, or GateClosed."""
        given = replace(job, input_payload=inputs.taken(job.input_payload))
        declared = await self._declared(given, claim.resolved)
        if declared.gate is not None:
            self.gates.check(declared.gate)
        graph = declared.graph.copy(update={"checkpointer": self._saver(claim)})
        ready = replace(given, input_payload=declared.input(given))
        return Run(graph, ready, claim, emit, context=declared.context(given), gates=self.gates)

    async def check(self, job: JobRequest) -> Resolved:
        """What the job runs, once it is accepted; raises Rejected unless `open` would open a run of it."""
        inputs.check(job.input_payload)
        resolved = self.resolve(job)
        (await self._declared(job, resolved)).context(job)
        return resolved

    def resolve(self, job: JobRequest) -> Resolved:
        """What the job asks for, as it is known here now; never fails."""
        definition = job.agent_definition
        if graphs.is_asked(definition):
            name = definition["graph"]
            return Resolved(name) if isinstance(name, str) and name in self._known else UNRESOLVED
        if (name := agent_asked(definition)) is not None:
            return self._catalogue.resolve(name)
        return Resolved.of(definition) if self._inline else UNRESOLVED

    async def graph(self, resolved: Resolved) -> Graph:
        """The graph behind what was resolved, without a checkpointer; raises Rejected where it cannot be had."""
        if resolved.definition is not None:
            return (await self._defined(resolved.definition, resolved)).graph
        if resolved.agent in self._known:
            return self._known[resolved.agent].graph
        raise Rejected(UNKNOWN, f"{resolved.agent!r} is no agent here" if resolved.agent else "its agent is not known")

    async def drawing(self, name: str, *, xray: bool | int) -> dict[str, Any]:
        """What the agent of this name looks like now; raises Rejected where it cannot be had."""
        return await asyncio.to_thread(drawing.drawing, await self._named_now(name), xray)

    async def schemas(self, name: str) -> dict[str, Any]:
        """What it takes and gives; raises Rejected."""
        return await asyncio.to_thread(drawing.schemas, await self._named_now(name))

    async def _named_now(self, name: str) -> Graph:
        return await self.graph(self._catalogue.resolve(name))

    def listed(self) -> list[KnownAgent]:
        """The agents that jobs may ask for by name."""
        return self._catalogue.listed()

    async def follow(self) -> None:
        """Keep up with the folder of agents, for ever."""
        await self._catalogue.follow()

    async def _declared(self, job: JobRequest, resolved: Resolved) -> Declared:
        if (known := graphs.chosen(job.agent_definition, self._known)) is not None:
            return known
        if (name := agent_asked(job.agent_definition)) is not None:
            return await self._named(name, resolved)
        if resolved.definition is None and not self._inline:
            raise Rejected(NOT_ALLOWED, f"{definition.ROOT}: may not come in a message here, but an agent's name may")
        digest = resolved.definition or Resolved.of(job.agent_definition).definition
        return await self._defined(str(digest), resolved, job)

    async def _named(self, name: Any, resolved: Resolved) -> Declared:
        """What was found behind the name when the job was accepted, whatever it means by now."""
        if resolved.agent is not None and resolved.definition is not None:
            return await self._defined(resolved.definition, resolved)
        if resolved.agent in self._known:
            return self._known[resolved.agent]
        raise self._catalogue.unknown(name)

    async def _defined(self, digest: str, resolved: Resolved, job: JobRequest | None = None) -> Declared:
        """The graph of this digest; the definition is the job's own, where it brings one."""
        if digest not in self._compiled:
            wanted = job.agent_definition if job is not None else await self._definition(digest, resolved)
            self._compiled[digest] = await self._compile(digest, wanted)
            while len(self._compiled) > KEPT_GRAPHS:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(digest)
        return self._compiled[digest]

    async def _definition(self, digest: str, named: Resolved) -> dict[str, Any]:
        if (known := self._catalogue.definition(named)) is not None:
            return known
        kept = await self._kept(digest) if self._kept else None
        if kept is None:
            raise Rejected(
                UNKNOWN, f"{definition.ROOT}.agent: what {named.agent!r} was when the job was accepted is gone"
            )
        return kept

    async def _compile(self, digest: str, given: dict[str, Any]) -> Declared:
        wanted = definition.read(given)
        if surprises := wanted.surprises():
            log.warning("keys of the agent definition are not understood", digest=digest, keys=surprises)
        return await asyncio.to_thread(_build, wanted, self._settings, delta=self._delta)


def _build(wanted: definition.Definition, settings: ModelSettings, *, delta: bool) -> Declared:
    # Imported here, off the event loop: deepagents and the providers' clients take seconds.
    from executor.agents.build import build  # noqa: PLC0415
    from executor.agents.models import gate_of  # noqa: PLC0415

    try:
        return Declared.of(build(wanted, settings, delta=delta), gate_of(wanted.root.config.model, settings))
    except (ValueError, TypeError) as error:
        raise Rejected(definition.INVALID, f"{definition.ROOT}: makes no graph: {error}") from error
