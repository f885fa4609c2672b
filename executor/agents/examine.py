"""Whether the image's graphs and the folder's agents can be had. Imports what they need, which takes seconds."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from executor.agents import folder, graphs
from executor.agents.graphs import Graphs, doubts, open_graphs
from executor.agents.listing import defined
from executor.agents.state_classes import Predicate
from executor.errors import ExecutorError
from executor.findings import Finding, ok, short, warning, wrong
from executor.settings import ModelSettings

OF_IMAGE = "graphs"
OF_FOLDER = "agents"


async def examine(agents: Path, graphs_file: Path, models: ModelSettings, reads_back: Predicate) -> list[Finding]:
    """Both, each whatever is the matter with the other."""
    return [*await _graphs(graphs_file, reads_back), *await asyncio.to_thread(_agents, agents, graphs_file, models)]


async def _graphs(file: Path, reads_back: Predicate) -> list[Finding]:
    try:
        async with open_graphs(file) as known:
            return list(_told(file, known, reads_back))
    except (ExecutorError, OSError, RuntimeError, SystemExit) as error:
        said = f"a module ends the process: {error!r}" if isinstance(error, SystemExit) else short(error)
        return [wrong(OF_IMAGE, said, f"correct the module or {file}, and build the image again")]


def _told(file: Path, known: Graphs, reads_back: Predicate) -> Iterator[Finding]:
    yield ok(OF_IMAGE, f"loaded: {', '.join(known)}" if known else f"none: there is no {file}")
    for doubt in doubts(known, reads_back):
        yield warning(OF_IMAGE, doubt, "docs/images.md says what a graph needs")


def _agents(agents: Path, graphs_file: Path, models: ModelSettings) -> list[Finding]:
    try:
        of_image = graphs.descriptions(graphs_file)
    except (ExecutorError, OSError):
        of_image = {}  # which is said of the graphs
    try:
        reading = folder.read(agents, dict.fromkeys(of_image, str(graphs_file)))
    except (ExecutorError, OSError) as error:
        return [wrong(OF_FOLDER, short(error), "correct EXECUTOR_AGENTS, or what it holds")]
    broken = [
        wrong(f"agent {name}", said, "correct the file: serve starts with none that is broken")
        for name, said in reading.complaints.items()
    ]
    listed = [defined(agent, models) for agent in reading.agents.values()]
    broken += [
        warning(f"agent {each.name}", each.error, "its jobs fail until this is corrected")
        for each in listed
        if each.error
    ]
    had = [each.name for each in listed if each.error is None]
    return [*broken, ok(OF_FOLDER, f"can be had: {', '.join(had)}" if had else f"none in {agents}")]
