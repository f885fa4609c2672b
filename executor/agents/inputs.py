"""What a graph is given: its JSON is taken as it is, but messages that are none would fail in every attempt. Pure."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import convert_to_messages
from pydantic import ValidationError

from executor.errors import Rejected
from executor.jobs.validation import describe

INVALID = "invalid_input"
WHERE = "data.input_payload.messages"


def check(payload: Mapping[str, Any]) -> None:
    """Raise Rejected that names the first message that is none."""
    given = payload.get("messages", [])
    for index, message in enumerate(given if isinstance(given, list) else [given]):
        _check_message(message, f"{WHERE}[{index}]" if isinstance(given, list) else WHERE)


def _check_message(message: Any, where: str) -> None:
    try:
        convert_to_messages([message])
    except ValidationError as error:
        raise Rejected(INVALID, "; ".join(describe(error, where))) from None
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
        raise Rejected(INVALID, f"{where}: is no message: {str(error).partition(chr(10))[0]}") from None
