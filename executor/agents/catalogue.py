"""Agents by name: graphs of the image, and definitions of the operator's folder, which may change at any time."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import structlog

from executor.agents import folder as folders
from executor.agents.definition import ROOT
from executor.agents.folder import Fingerprint, FolderAgent, Reading
from executor.errors import Misconfigured, Rejected
from executor.jobs.agents import UNRESOLVED, KnownAgent, Resolved

log = structlog.get_logger()

LOOK_SECONDS = 2.0
UNKNOWN = "unknown_agent"
MOST_TOLD = 20


class Gauge(Protocol):
    """A metric."""

    def set(self, value: float, /) -> None:
        """To this."""


class Catalogue:
    """`graphs` are those of the image by name, each with its description; the folder need not be there.

    Raises Misconfigured where the folder holds what is no agent. From then on such a file leaves its agent as it was.
    """

    def __init__(
        self,
        folder: Path | None = None,
        graphs: Mapping[str, str | None] | None = None,
        graphs_file: str = "langgraph.json",
        refused: Gauge | None = None,
    ) -> None:
        self._folder = folder
        self._graphs = dict(graphs or {})
        self._graphs_file = graphs_file
        self._refused = refused
        self._complaints: Mapping[str, str] = {}
        self._seen: Fingerprint | None = None
        self.definitions: Mapping[str, FolderAgent] = {}
        self._begin()

    def _begin(self) -> None:
        if self._folder is None:
            return
        try:
            self._seen, reading = self._read(self._folder)
        except OSError as error:
            raise Misconfigured(f"{self._folder}: cannot be read: {error}") from error
        if reading.complaints:
            raise Misconfigured("; ".join(reading.complaints.values()))
        self._take(reading)

    def resolve(self, name: Any) -> Resolved:
        """What a name means now; UNRESOLVED where it means nothing."""
        if not isinstance(name, str):
            return UNRESOLVED
        if name in self._graphs:
            return Resolved(name)
        found = self.definitions.get(name)
        return found.resolved if found else UNRESOLVED

    def definition(self, resolved: Resolved) -> dict[str, Any] | None:
        """What was found, where it is at hand; its name may mean another by now."""
        if resolved.text is not None:
            return dict(json.loads(resolved.text))
        found = self.definitions.get(resolved.agent or "")
        return found.definition if found and found.resolved.definition == resolved.definition else None

    def unknown(self, name: Any) -> Rejected:
        """The error of a job that asks for what is not there."""
        names = sorted([*self._graphs, *self.definitions])
        known = [*names[:MOST_TOLD], *(["..."] if names[MOST_TOLD:] else [])]
        told = ", ".join(known) or "there are none"
        return Rejected(UNKNOWN, f"{ROOT}.agent: {name!r} is no agent here ({told})")

    def listed(self) -> list[KnownAgent]:
        """All of them, by name."""
        graphs = [KnownAgent(name, "graph", self._graphs_file, told) for name, told in self._graphs.items()]
        given = [
            KnownAgent(each.name, "definition", each.source, each.description) for each in self.definitions.values()
        ]
        return sorted([*graphs, *given], key=lambda agent: agent.name)

    async def follow(self) -> None:
        """Read the folder again whenever it changes, for ever."""
        while self._folder is not None:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look, self._folder)

    def look(self, folder: Path) -> None:
        """Read the folder again if it has changed; never fails."""
        try:
            if folders.fingerprint(folder) == self._seen:
                return
            self._seen, reading = self._read(folder)
        except (OSError, Misconfigured) as error:
            self._seen = None
            self._take(Reading({}, dict.fromkeys(["", *self.definitions], f"{folder}: {error}")))
        else:
            self._take(reading)

    def _read(self, folder: Path) -> tuple[Fingerprint, Reading]:
        """Whatever changes from the moment on at which its fingerprint is taken is seen the next time."""
        seen = folders.fingerprint(folder)
        return seen, folders.read(folder, dict.fromkeys(self._graphs, self._graphs_file))

    def _take(self, reading: Reading) -> None:
        kept = {name: self.definitions[name] for name in reading.complaints if name in self.definitions}
        before, self.definitions = self.definitions, {**reading.agents, **kept}
        for complaint in sorted({*reading.complaints.values()} - {*self._complaints.values()}):
            log.error("an agent is not read and stays as it was", error=complaint)
        self._complaints = reading.complaints
        if self._refused is not None:
            self._refused.set(len(reading.complaints))
        self._tell(before)

    def _tell(self, before: Mapping[str, FolderAgent]) -> None:
        for name, agent in self.definitions.items():
            if name not in before or before[name].resolved != agent.resolved:
                log.info("agent read", agent=name, source=agent.source, digest=agent.resolved.definition)
                if agent.surprises:
                    log.warning("keys of the agent are not understood", agent=name, keys=agent.surprises)
        if gone := sorted(before.keys() - self.definitions.keys()):
            log.info("agents are gone", agents=gone)
