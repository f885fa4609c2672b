"""All that the saver relies on of LangGraph beyond its interface; its test pins each of these facts.

- With durability `sync` it awaits a step's checkpoint before the next step; that of an input only with the next one.
  It does not await a task's writes, but for those of a DeltaChannel (before their checkpoint), of a failed task that
  has an error handler (before the handler), and all of them before the run ends.
- A task's writes are read again only while their checkpoint is the last of its branch, to not run a finished task
  again; what is rebuilt from the writes of older checkpoints are DeltaChannels, and those alone are not in the next
  checkpoint's values.
- A message to a person (interrupt, error), an answer to one and the result of a functional task go to channels that no
  checkpoint carries.
- What a failed task was answered it writes beside its error, and reads back before any other answer: whoever answers
  the same question otherwise is not heard. What it writes beside its next question are answers that were taken.
- It makes shallow clones of a saver.
- Its serializer, told to be strict, makes anew the classes of SAFE_MSGPACK_TYPES, and of others gives back their data.
- The stock saver reads a channel's value from `checkpoint_blobs` where there is one, whatever the checkpoint holds.
"""

import json
import math
from collections.abc import Collection, Sequence
from typing import Any

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointMetadata, get_serializable_checkpoint_metadata
from langgraph.checkpoint.serde._msgpack import SAFE_MSGPACK_TYPES
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from executor.values import is_unicode, unicode

ERROR, RESUME = "__error__", "__resume__"
NO_WRITES = "__no_writes__"  # a task says with it that it wrote nothing

# Of these the modules say enough: JSON's own types, what stands for several types, and what is kept by its text.
PLAIN_MODULES = frozenset({"builtins", "collections.abc", "typing", "types", "re", "numpy"})

Place = tuple[str, str, str | None]  # thread, namespace, checkpoint


def place(config: RunnableConfig) -> Place:
    """Where a config points; the checkpoint is none where it means the last one."""
    where = config["configurable"]
    return str(where["thread_id"]), where.get("checkpoint_ns", ""), where.get("checkpoint_id")


def is_input(metadata: CheckpointMetadata) -> bool:
    """Whether it is the checkpoint of an input, which nothing waits for but the next one."""
    return metadata.get("source") == "input"


def carries(checkpoint: Checkpoint, channels: Collection[str]) -> bool:
    """Whether the checkpoint holds all that was written to these channels, so that the writes are superfluous."""
    values = checkpoint["channel_values"]
    lacking = [c for c in channels if c != NO_WRITES and (c not in values or isinstance(values[c], _DeltaSnapshot))]
    return not lacking


def without_spent_answers(writes: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """The writes of a task that failed without the answers it was given: they are the ledger's, and given anew."""
    if all(channel != ERROR for channel, _ in writes):
        return writes
    return [(channel, value) for channel, value in writes if channel != RESUME]


def split(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values that lie in the checkpoint itself, and those that lie beside it as blobs.

    As the stock saver does it, but for a NUL character, half a surrogate pair and the floats that are no numbers: JSON
    in Postgres refuses them, a blob does not.
    """
    inline: dict[str, Any] = {}
    blobs: dict[str, Any] = {}
    for channel, value in values.items():
        if _fits_json(value):
            inline[channel] = value
        else:
            blobs[channel] = value
            if isinstance(value, _DeltaSnapshot):
                inline[channel] = True
    return inline, blobs


def described(config: RunnableConfig, metadata: CheckpointMetadata) -> bytes:
    """The metadata column, with what the config adds to it."""
    return as_json(get_serializable_checkpoint_metadata(config, metadata))


def as_json(value: Any) -> bytes:
    """JSON as the stock saver's column has it; raises where it would say something else than the value.

    A whole number may have any length there, as long as Python prints it.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return unicode(json.dumps(value, ensure_ascii=False)).encode()


def _fits_json(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value and is_unicode(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, int)


def reads_back(cls: type) -> bool:
    """Whether the strict serializer gives back values of the class as themselves."""
    return cls.__module__ in PLAIN_MODULES or (cls.__module__, cls.__name__) in SAFE_MSGPACK_TYPES
