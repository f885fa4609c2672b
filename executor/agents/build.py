"""A definition becomes a compiled graph."""

import operator
from typing import Annotated, Any, NotRequired, TypedDict, get_type_hints

from deepagents import SubAgent, create_deep_agent
from deepagents.graph import DeepAgentState
from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, InterruptOnConfig
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph

from executor.agents.definition import Approval, Channel, Definition, Node
from executor.agents.models import chat_model
from executor.agents.open_calls import AnswerOpenCalls
from executor.errors import Rejected
from executor.settings import ModelSettings

Graph = CompiledStateGraph[Any, Any, Any, Any]

TYPES: dict[str, type] = {
    "list": list,
    "dict": dict,
    "string": str,
    "str": str,
    "integer": int,
    "int": int,
    "number": float,
    "float": float,
    "boolean": bool,
    "bool": bool,
}
MESSAGES = frozenset({"message", "messages", "basemessage", "anymessage"})


def build(definition: Definition, settings: ModelSettings, *, delta: bool = False) -> Graph:
    """Compile the graph, without a checkpointer; raises Rejected where this service cannot run it.

    With `delta` a plain agent's messages are stored as what each step adds, as a deep agent's always are. Takes a
    second the first time, and tens of milliseconds later: not for the event loop.
    """
    for node in definition.nodes:
        _refuse_scripts(node)
    root = definition.root
    return _deep_agent(definition, settings) if root.is_orchestrator else _plain_agent(root, settings, delta=delta)


def _refuse_scripts(node: Node) -> None:
    if node.config.tools:
        names = ", ".join(node.config.tools)
        raise Rejected("scripts_not_allowed", f"{node.id}: tools that are scripts ({names}) are not allowed here")


def _plain_agent(node: Node, settings: ModelSettings, *, delta: bool) -> Graph:
    approving = [HumanInTheLoopMiddleware(_approvals(node))] if node.config.interrupt_on else []
    return create_agent(
        chat_model(node.config.model, settings),
        system_prompt=node.config.system_prompt or None,
        state_schema=_state(DeepAgentState if delta else AgentState, node.config.state_schema),
        middleware=[AnswerOpenCalls(), *approving],
        name=node.id,
    )


def _deep_agent(definition: Definition, settings: ModelSettings) -> Graph:
    root = definition.root
    return create_deep_agent(
        chat_model(root.config.model, settings),
        system_prompt=root.config.system_prompt or None,
        subagents=[_specialist(node, settings) for node in definition.specialists],
        state_schema=_state(DeepAgentState, definition.channels),
        interrupt_on=_approvals(root),
        name=root.id,
    )


def _specialist(node: Node, settings: ModelSettings) -> SubAgent:
    return SubAgent(
        name=node.name,
        description=node.config.description or f"The specialist {node.name}.",
        system_prompt=node.config.system_prompt,
        model=chat_model(node.config.model, settings),
        tools=[],
        interrupt_on=_approvals(node),
    )


def _approvals(node: Node) -> dict[str, bool | InterruptOnConfig]:
    """Which tools wait for a person's word before they are called."""
    given = node.config.interrupt_on.items()
    return {tool: word if isinstance(word, bool) else _approval(word) for tool, word in given}


def _approval(asked: Approval) -> InterruptOnConfig:
    config = InterruptOnConfig(allowed_decisions=list(asked.allowed_decisions))
    return config | {"description": asked.description} if asked.description else config


def _state(base: Any, channels: dict[str, Channel]) -> Any:
    """The base state with the definition's channels added; its own channels stay what the agent needs them to be."""
    if not channels:
        return base
    inherited = get_type_hints(base, include_extras=True)
    fields = {name: NotRequired[_annotation(channel)] for name, channel in channels.items()}
    return TypedDict("State", {**fields, **inherited})  # type: ignore[operator] # a TypedDict made at run time


def _annotation(channel: Channel) -> Any:
    kind = TYPES.get(channel.type, Any)
    if channel.reducer == "add_messages" and (channel.item_type or "").lower() in MESSAGES:
        return Annotated[list[Any], add_messages]
    if channel.reducer in {"add_messages", "add", "append", "extend"} and kind is list:
        # Of a list of plain values `add_messages` can only mean: append.
        return Annotated[list[Any], operator.add]
    return kind
