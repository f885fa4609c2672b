"""The agent definition, as it exists in the field. Pure.

Accepted as it is: what is not understood is reported, not refused, unless it makes no graph.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from executor.agents import edges
from executor.errors import Rejected
from executor.jobs.validation import describe

INVALID = "invalid_definition"

ROOT = "data.agent_definition"  # where the definition stands in the event
ORCHESTRATOR = "orchestrator"
SPECIALIST = "specialist"

# What editors of definitions write and no graph needs.
HARMLESS = frozenset({"id", "name", "description", "version", "metadata", "position", "data", "label"})


# LangGraph keeps the others for itself.
ChannelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][^:]*$")]


class Part(BaseModel):
    """A piece of the definition."""

    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given

    def unknown(self) -> Iterator[str]:
        """Keys that are not understood and may have been meant to do something."""
        yield from sorted(set(self.model_extra or {}) - HARMLESS)


class Model(Part):
    """A language model by provider and name."""

    provider: str | None = None
    model: str | None = None
    model_name: str | None = None
    temperature: float | None = None
    max_tokens: int | None = Field(default=None, gt=0)

    model_config = ConfigDict(protected_namespaces=())

    @property
    def name(self) -> str | None:
        """The model's name, under either key."""
        return self.model or self.model_name


class Channel(Part):
    """A channel that tools may write to, beside the messages."""

    type: Literal["list", "dict", "string", "str", "integer", "int", "number", "float", "boolean", "bool", "any"] = (
        "any"
    )
    item_type: str | None = None
    reducer: str | None = None


class Approval(Part):
    """What a person may decide about a call of a tool."""

    allowed_decisions: tuple[Literal["approve", "edit", "reject", "respond"], ...] = ("approve", "edit", "reject")
    description: str | None = None


class Config(Part):
    """What a node is."""

    name: str | None = Field(default=None, min_length=1)
    description: str | None = None
    system_prompt: str = ""
    model: Model | None = None
    tools: tuple[str, ...] = ()
    state_schema: dict[ChannelName, Channel] = Field(default_factory=dict)
    interrupt_on: dict[str, bool | Approval] = Field(default_factory=dict)


class Node(Part):
    """An agent; beside an orchestrator it is a specialist unless it says otherwise."""

    id: str = Field(min_length=1)
    type: Annotated[str, BeforeValidator(lambda word: word.lower() if isinstance(word, str) else word)] = ""
    config: Config = Config()

    @property
    def name(self) -> str:
        """What the orchestrator calls it by."""
        return self.config.name or self.id

    @property
    def is_orchestrator(self) -> bool:
        """Whether it delegates to the others."""
        return self.type == ORCHESTRATOR


class Runtime(Part):
    """The code of a tool."""

    script: str
    dependencies: tuple[str, ...] = ()


class Tool(Part):
    """A tool that nodes may name."""

    name: str = Field(min_length=1)
    description: str = ""
    runtime: Runtime | None = None


class Definition(Part):
    """Agents and their tools."""

    nodes: tuple[Node, ...]
    tool_definitions: tuple[Tool, ...] = ()
    edges: tuple[Any, ...] = ()

    @property
    def root(self) -> Node:
        """The orchestrator, or the lone agent."""
        return next((node for node in self.nodes if node.is_orchestrator), self.nodes[0])

    @property
    def specialists(self) -> tuple[Node, ...]:
        """Whom the orchestrator delegates to, by name."""
        return tuple(node for node in self.nodes if node is not self.root)

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels of all nodes: what a specialist writes reaches the orchestrator's state."""
        return {name: channel for node in self.nodes for name, channel in node.config.state_schema.items()}

    def surprises(self) -> list[str]:
        """Paths of keys that are not understood."""
        found = list(self.unknown())
        for index, node in enumerate(self.nodes):
            found.extend(f"nodes[{index}].{key}" for key in node.unknown())
            found.extend(f"nodes[{index}].config.{key}" for key in node.config.unknown())
        found.extend(f"edges{path}" for path in edges.surprises(self.edges))
        return found


def read(definition: dict[str, Any], root: str = ROOT) -> Definition:
    """The definition, checked; raises Rejected that says which field is wrong or why it makes no graph.

    `root` is where it stands.
    """
    try:
        parsed = Definition.model_validate(definition)
    except ValidationError as error:
        raise Rejected(INVALID, "; ".join(describe(error, root))) from None
    _check_roles(parsed, root)
    _check_types(parsed, root)
    _check_names(parsed, root)
    _check_edges(parsed, root)
    _check_tools(parsed, root)
    return parsed


def _check_roles(definition: Definition, root: str) -> None:
    if not definition.nodes:
        raise Rejected(INVALID, f"{root}.nodes: is empty")
    orchestrators = [node.id for node in definition.nodes if node.is_orchestrator]
    if len(orchestrators) > 1:
        raise Rejected(INVALID, f"{root}.nodes: {' and '.join(orchestrators)} are both orchestrators")
    if len(definition.nodes) > 1 and not orchestrators:
        raise Rejected(INVALID, f"{root}.nodes: several nodes need one of type Orchestrator that delegates to them")


def _check_types(definition: Definition, root: str) -> None:
    if len(definition.nodes) == 1:
        return
    for index, node in enumerate(definition.nodes):
        if node.type not in {"", ORCHESTRATOR, SPECIALIST}:
            where = f"{root}.nodes[{index}].type"
            raise Rejected(INVALID, f"{where}: {node.id} is {node.type!r}, neither Orchestrator nor Specialist")


def _check_names(definition: Definition, root: str) -> None:
    for what, names in (
        ("nodes", [node.id for node in definition.nodes]),
        ("nodes", [node.name for node in definition.nodes]),
        ("tool_definitions", [tool.name for tool in definition.tool_definitions]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise Rejected(INVALID, f"{root}.{what}: {', '.join(sorted(twice))} is there twice")


def _check_edges(definition: Definition, root: str) -> None:
    known = {name for node in definition.nodes for name in (node.id, node.name)}
    if complaints := [f"{root}.edges{complaint}" for complaint in edges.astray(definition.edges, known)]:
        raise Rejected(INVALID, "; ".join(complaints))


def _check_tools(definition: Definition, root: str) -> None:
    known = {tool.name for tool in definition.tool_definitions}
    for index, node in enumerate(definition.nodes):
        for name in node.config.tools:
            if name not in known:
                where = f"{root}.nodes[{index}].config.tools"
                raise Rejected("unknown_tool", f"{where}: {name!r} is not in tool_definitions")
