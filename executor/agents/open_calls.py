"""Calls of tools that nobody answered: providers refuse a conversation that holds one, and all that follows it.

Cut short by a cancellation, a failure or a limit on tokens, or a call of a tool that is not there. The answer is made
for the model's eyes each time and not written to the state: a node that did would be one that no older image knows, in
the middle of a rollout.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage


class AnswerOpenCalls(AgentMiddleware):
    """Gives every call of a tool an answer before the model sees it."""

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Call the model with a conversation that it takes."""
        return await handler(request.override(messages=list(answered(request.messages))))


def answered(messages: Sequence[AnyMessage]) -> Iterator[AnyMessage]:
    """The conversation with an answer to each call right after it, and without answers to nothing."""
    unanswered: dict[str, ToolMessage] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            if unanswered.pop(message.tool_call_id, None):
                yield message
            continue
        yield from unanswered.values()
        yield message
        unanswered = _stand_ins(message) if isinstance(message, AIMessage) else {}
    yield from unanswered.values()


def _stand_ins(message: AIMessage) -> dict[str, ToolMessage]:
    """What stands for the answer to each call, by the call's id."""
    cut = [(call, "has no result: it may have been cut short") for call in message.tool_calls]
    bad = [(call, "was malformed or cut short") for call in message.invalid_tool_calls]
    return {
        call["id"]: ToolMessage(
            f"The call of {call['name'] or 'a tool'} {what}.",
            tool_call_id=call["id"],
            name=call["name"],
            status="error",
        )
        for call, what in [*cut, *bad]
        if call["id"] is not None
    }
