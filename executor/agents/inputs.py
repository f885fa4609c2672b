"""What a graph is given: its JSON as it is, but that messages in the form of our results become messages. Pure.

What can never be a message would fail in every attempt, so it is refused.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import convert_to_messages, messages_from_dict
from pydantic import ValidationError

from executor.errors import Rejected
from executor.jobs.validation import describe

INVALID = "invalid_input"
WHERE = "data.input_payload.messages"


def check(payload: Mapping[str, Any] | None) -> None:
    """Raise Rejected that names the first message that is none."""
    taken(payload)


def taken(payload: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The input as a graph takes it; raises Rejected that names the first message that is none."""
    if payload is None:
        return None
    if "messages" not in payload:
        return dict(payload)
    given = payload["messages"]
    if not isinstance(given, list):
        return {**payload, "messages": _message(given, WHERE)}
    return {**payload, "messages": [_message(each, f"{WHERE}[{index}]") for index, each in enumerate(given)]}


def _message(given: Any, where: str) -> Any:
    """A message in the dict form of a `final_state` as a message, any other form as it is: the graph knows it."""
    told = _is_told(given)
    try:
        [message] = messages_from_dict([given]) if told else convert_to_messages([given])
    except ValidationError as error:
        raise Rejected(INVALID, "; ".join(describe(error, f"{where}.data" if told else where))) from None
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise Rejected(INVALID, f"{where}: is no message: {str(error).partition(chr(10))[0]}") from None
    return message if told else given


def _is_told(given: Any) -> bool:
    return isinstance(given, Mapping) and given.keys() == {"type", "data"}
