"""What a scripted model replies: written into the prompt by `script`, found there again by `turn_for`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

MARKER = "SCRIPT: "


class Call(BaseModel):
    """One tool call of a turn; arguments that are a text go out as they are, so that they may be malformed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    args: dict[str, Any] | str = {}


class Turn(BaseModel):
    """One reply: its text and tool calls, with `delay` seconds before each token; or a failure with an HTTP status.

    A failure comes each time, or the first `times` that the very same request arrives, a client's own retries included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    say: str = ""
    call: tuple[Call, ...] = ()
    delay: float = 0
    status: int | None = None
    times: int | None = None

    def refusal(self, nth: int) -> int | None:
        """The HTTP status that the nth arrival of the same request, counted from 1, is refused with."""
        return self.status if self.times is None or nth <= self.times else None


UNSCRIPTED = Turn(say="Nothing was scripted, so this is all I say.")
_TURNS = TypeAdapter(tuple[Turn, ...])


def script(*turns: Mapping[str, Any]) -> str:
    """Text for a user message or a system prompt: the model then replies with these turns, in the shape of `Turn`."""
    return MARKER + json.dumps(turns)


def turn_for(messages: Sequence[Mapping[str, Any]]) -> Turn:
    """The reply to these chat messages; pydantic's ValidationError or JSON's error when the script is malformed.

    The script of the last user message counts, else that of the system prompt; of its turns the one after as many
    as there are replies since that user message.
    """
    asked = max((place for place, message in enumerate(messages) if message["role"] == "user"), default=0)
    replies = sum(message["role"] == "assistant" for message in messages[asked:])
    turns = _turns(messages[asked]) or _turns(messages[0])
    return turns[replies] if replies < len(turns) else UNSCRIPTED


def _turns(message: Mapping[str, Any]) -> tuple[Turn, ...]:
    _, found, written = _text(message["content"]).partition(MARKER)
    return _TURNS.validate_python(json.JSONDecoder().raw_decode(written)[0]) if found else ()


def _text(content: str | Sequence[Mapping[str, str]] | None) -> str:
    """The text of a message, which may come in blocks."""
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content or ())
