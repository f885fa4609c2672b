"""What clients send to begin a run. What is not served is refused by the name of its field, never ignored."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from executor.api.problems import Problem
from executor.faces.langgraph.frames import FIRST_MODE, Mode
from executor.jobs.validation import unstorable_in

JsonObject = dict[str, Any]


def _not_served(value: Any) -> Any:
    if value:
        raise ValueError("is not served here")
    return None


def _a_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


NotServed = Annotated[Any, BeforeValidator(_not_served)]
Modes = Annotated[list[Mode], BeforeValidator(_a_list)]
Strategy = Literal["enqueue", "reject", "interrupt"]


class Body(BaseModel):
    """A body whose unknown fields are refused; null is absent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _given(cls, fields: Any) -> Any:
        return (
            {name: value for name, value in fields.items() if value is not None} if isinstance(fields, dict) else fields
        )


def check_storable(body: Body) -> None:
    """Refuse what PostgreSQL or UTF-8 cannot hold, by the path of its field."""
    problem = unstorable_in(body.model_dump())
    if problem is not None:
        detail = problem.removeprefix("data.")
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field=detail.partition(": ")[0])


class CheckpointBody(Body):
    """A checkpoint of the run's thread."""

    thread_id: str | None = None
    checkpoint_id: str | None = None
    checkpoint_ns: NotServed = None
    checkpoint_map: NotServed = None


class CommandBody(Body):
    """What goes on in place of an input."""

    resume: Any = None
    goto: NotServed = None
    update: NotServed = None
    graph: NotServed = None


class ConfigBody(Body):
    """LangChain's config of a run, as far as it travels."""

    tags: list[str] = []
    metadata: JsonObject = {}
    configurable: JsonObject = {}
    recursion_limit: Annotated[int, Field(gt=0)] | None = None


class RunBody(Body):
    """A run that is to begin.

    Every step is always kept, every stream can be taken up again, and an answer to what nobody asks is refused.
    """

    assistant_id: str
    input: JsonObject | None = None
    command: CommandBody | None = None
    config: ConfigBody = Field(default_factory=ConfigBody)
    context: JsonObject | None = None
    metadata: JsonObject = {}
    checkpoint: CheckpointBody | None = None
    checkpoint_id: str | None = None
    multitask_strategy: Strategy = "enqueue"
    if_not_exists: Literal["reject", "create"] = "reject"
    stream_mode: Modes = [FIRST_MODE]
    stream_subgraphs: bool = False
    stream_resumable: bool | None = None
    on_disconnect: Literal["continue", "cancel"] = "continue"
    on_completion: Literal["keep"] | None = None
    durability: Literal["sync", "async", "exit"] | None = None
    checkpoint_during: bool | None = None
    strict_resume: bool | None = None
    interrupt_before: NotServed = None
    interrupt_after: NotServed = None
    webhook: NotServed = None
    after_seconds: NotServed = None
    feedback_keys: NotServed = None
    langsmith_tracer: NotServed = None

    @property
    def answer(self) -> Any:
        """What it answers people's questions with; None where it answers none."""
        return self.command.resume if self.command else None

    @property
    def begins_from(self) -> str | None:
        """The checkpoint that it begins from, where it names one."""
        named = self.checkpoint.checkpoint_id if self.checkpoint else None
        return self.checkpoint_id or named or self.config.configurable.get("checkpoint_id")
