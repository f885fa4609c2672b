"""What one piece of a model's streamed message says. Pure; as cheap as it can be: there is one for each token."""

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessageChunk

from executor.agents.state import as_json

Said = dict[str, Any]


def said(chunk: AIMessageChunk, metadata: Mapping[str, Any]) -> Said | None:
    """The message's id and the piece of its text, and what else the piece has; None where it says nothing.

    That is `reasoning`, `tool_calls` (pieces of their arguments, by `index`), `usage` and the `model`'s name.
    """
    content = chunk.content
    words = content if type(content) is str else str(chunk.text)
    more = _more(chunk, metadata)
    return {"id": chunk.id, "text": words, **more} if words or more else None


def _more(chunk: AIMessageChunk, metadata: Mapping[str, Any]) -> Said:
    more: Said = {}
    if reasoning := _reasoning(chunk):
        more["reasoning"] = reasoning
    if chunk.tool_call_chunks:
        more["tool_calls"] = [_call(call) for call in chunk.tool_call_chunks]
    if chunk.usage_metadata:
        more["usage"] = as_json(chunk.usage_metadata)
    model = chunk.response_metadata.get("model_name") or (more.get("usage") and metadata.get("ls_model_name"))
    if model:
        more["model"] = str(model)
    return more


def _call(call: Mapping[str, Any]) -> Said:
    return {name: call[name] for name in ("index", "id", "name", "args") if call.get(name) is not None}


def _reasoning(chunk: AIMessageChunk) -> str:
    """As the providers' clients give it: in blocks of the content, or beside it."""
    content, beside = chunk.content, chunk.additional_kwargs
    found = "".join(_thoughts(content)) if type(content) is list else ""
    return found or (str(beside["reasoning_content"] or "") if "reasoning_content" in beside else "")


def _thoughts(blocks: list[Any]) -> Iterator[str]:
    for block in blocks:
        kind = block.get("type") if isinstance(block, Mapping) else None
        if kind == "thinking":
            yield str(block.get("thinking") or "")
        elif kind == "reasoning":
            yield str(block.get("reasoning") or "")
            yield from (str(part.get("text") or "") for part in block.get("summary") or () if isinstance(part, Mapping))
