"""Messages as they are streamed: begun by their first piece, closed by the whole message. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Said = dict[str, Any]
BlockKey = str | tuple[str, Any]
TEXTS = ("reasoning", "text")


@dataclass
class Block:
    """A part of a message: its kind, what it says so far, and how much of a call's arguments was told."""

    index: int
    kind: str
    said: str = ""
    told: int = 0
    id: str | None = None
    name: str | None = None


@dataclass
class OpenMessage:
    """A message of which pieces have come."""

    id: str
    node: str
    usage: Said | None = None
    blocks: dict[BlockKey, Block] = field(default_factory=dict)  # those that are open
    count: int = 0

    def begin(self, metadata: Said) -> Said:
        """That it begins."""
        return self._says("message-start", role="ai", metadata=metadata)

    def add(self, piece: Mapping[str, Any]) -> Iterator[Said]:
        """What a piece adds to it."""
        self.usage = piece.get("usage") or self.usage
        for kind in TEXTS:
            if said := piece.get(kind):
                yield from self._add_text(kind, said)
        for call in piece.get("tool_calls") or ():
            yield from self._add_call(call)

    def finish(self, whole: Mapping[str, Any]) -> Iterator[Said]:
        """That it is whole; `whole` is the message's fields."""
        if not self.count:
            yield from self._add_whole(whole)
        for block in self.blocks.values():
            yield self._says("content-block-finish", index=block.index, content=_final(block, whole))
        usage, about = whole.get("usage_metadata") or self.usage, whole.get("response_metadata")
        more = {"usage": usage} if usage else {}
        yield self._says("message-finish", **more, **({"metadata": about} if about else {}))

    def break_off(self) -> Said:
        """That the rest will not come."""
        return self._says("error", message="the attempt that wrote it has failed")

    def _add_text(self, kind: str, said: str) -> Iterator[Said]:
        if kind not in self.blocks:
            yield from self._close_texts()
            yield self._open(kind, Block(self.count, kind), {"type": kind, kind: ""})
        block = self.blocks[kind]
        block.said += said
        yield self._says("content-block-delta", index=block.index, delta={"type": f"{kind}-delta", kind: said})

    def _add_call(self, call: Mapping[str, Any]) -> Iterator[Said]:
        key = ("call", call.get("index"))
        if key not in self.blocks or (call.get("id") not in {None, self.blocks[key].id}):
            block = Block(self.count, "call", id=call.get("id"), name=call.get("name"))
            yield self._open(key, block, _chunk(block))
        block = self.blocks[key]
        block.said += call.get("args") or ""
        # All so far each time: told for each piece it would be the square of it.
        if block.said and len(block.said) > block.told + block.told // 8:
            block.told = len(block.said)
            delta = {"type": "block-delta", "fields": _chunk(block)}
            yield self._says("content-block-delta", index=block.index, delta=delta)

    def _add_whole(self, whole: Mapping[str, Any]) -> Iterator[Said]:
        """A message of which no piece came."""
        for kind, said in _texts(whole.get("content")):
            yield from self._add_text(kind, said)
        for index, call in enumerate(whole.get("tool_calls") or ()):
            yield from self._add_call(
                {"index": index, "id": call.get("id"), "name": call.get("name"), "args": json.dumps(call.get("args"))}
            )

    def _open(self, key: BlockKey, block: Block, content: Said) -> Said:
        self.blocks[key] = block
        self.count += 1
        return self._says("content-block-start", index=block.index, content=content)

    def _close_texts(self) -> Iterator[Said]:
        """Text after a thought is another part, and a thought after text."""
        for kind in TEXTS:
            if (block := self.blocks.pop(kind, None)) is not None:
                yield self._says("content-block-finish", index=block.index, content=_final(block, {}))

    def _says(self, event: str, **more: Any) -> Said:
        """Each says whose it is: clients tell by that who speaks when several do."""
        return {"event": event, "id": self.id, "run_id": self.id, **more}


def _chunk(block: Block) -> Said:
    return {"type": "tool_call_chunk", "id": block.id, "name": block.name, "args": block.said}


def _final(block: Block, whole: Mapping[str, Any]) -> Said:
    """The part as the whole message has it: pieces may have been lost."""
    if block.kind != "call":
        said = whole.get("content") if block.kind == "text" else None
        return {"type": block.kind, block.kind: said if isinstance(said, str) else block.said}
    calls = [*(whole.get("tool_calls") or ()), *(whole.get("invalid_tool_calls") or ())]
    known = next((call for call in calls if call.get("id") == block.id), None)
    return {"type": "tool_call", "id": block.id, **(known or _as_far_as_said(block))}


def _as_far_as_said(block: Block) -> Said:
    args = _read(block.said)
    if args is None:
        return {"type": "invalid_tool_call", "name": block.name, "args": block.said, "error": None}
    return {"name": block.name, "args": args}


def _read(args: str) -> Any:
    try:
        found = json.loads(args or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _texts(content: Any) -> Iterator[tuple[str, str]]:
    """The text and the thoughts of a message's content."""
    for block in content if isinstance(content, list) else [content]:
        if isinstance(block, str) and block:
            yield "text", block
        elif isinstance(block, Mapping):
            kind = "reasoning" if block.get("type") in {"reasoning", "thinking"} else "text"
            said = block.get(kind) or block.get("thinking")
            if isinstance(said, str) and said:
                yield kind, said
