"""What `agent-executor agents` says: each agent with where it comes from, what it uses, and whether it can be had."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from executor.agents import definition, folder, graphs
from executor.agents.build import build
from executor.agents.folder import FolderAgent
from executor.agents.models import name_of_model
from executor.errors import ExecutorError
from executor.settings import ModelSettings


@dataclass(frozen=True)
class ListedAgent:
    """An agent; `error` is why it cannot be had, where it cannot."""

    name: str
    kind: Literal["graph", "definition"]
    source: str
    description: str | None = None
    models: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    error: str | None = None


async def listed(agents: Path, graphs_file: Path, settings: ModelSettings) -> list[ListedAgent]:
    """Those of the folder and of the image, by name; raises Misconfigured where a graph cannot be had."""
    async with graphs.open_graphs(graphs_file):
        of_image = graphs.descriptions(graphs_file)
    reading = folder.read(agents, dict.fromkeys(of_image, str(graphs_file)))
    found = [ListedAgent(name, "graph", str(graphs_file), told) for name, told in of_image.items()]
    found += [defined(agent, settings) for agent in reading.agents.values()]
    found += [ListedAgent(name, "definition", str(agents), error=error) for name, error in reading.complaints.items()]
    return sorted(found, key=lambda agent: agent.name)


def told(agent: ListedAgent) -> str:
    """One line for a person."""
    uses = [*agent.models, *(f"tool {tool}" for tool in agent.tools)]
    words = agent.error or ", ".join(uses) or agent.description or ""
    return f"{agent.name:<24} {agent.kind:<10} {agent.source:<32} {words}".rstrip()


def defined(agent: FolderAgent, settings: ModelSettings) -> ListedAgent:
    """An agent of the folder, built to see whether it can be had."""
    wanted = definition.read(agent.definition)
    models = {name_of_model(node.config.model, settings): None for node in wanted.nodes}
    tools = {tool: None for node in wanted.nodes for tool in node.config.tools}
    return ListedAgent(
        agent.name, "definition", agent.source, agent.description, (*models,), (*tools,), _complaint(wanted, settings)
    )


def _complaint(wanted: definition.Definition, settings: ModelSettings) -> str | None:
    try:
        build(wanted, settings)
    except (ExecutorError, ValueError, TypeError) as error:
        return str(error)
    return None
