"""JSON in protobuf's Struct: single fields on the way in, whole objects on the way out, at half the usual cost."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value


def at(struct: Struct, *path: str) -> Struct:
    """The object at the path, an empty one where there is none; what is read is not created."""
    for name in path:
        value = struct.fields.get(name)
        struct = value.struct_value if value is not None else Struct()
    return struct


def text(struct: Struct, name: str) -> str:
    """The text of that name, empty where there is none."""
    value = struct.fields.get(name)
    return value.string_value if value is not None else ""


def plain(value: Value | None) -> Any:
    """JSON as Python has it, whole numbers as int."""
    kind = value.WhichOneof("kind") if value is not None else None
    if value is None or kind is None or kind == "null_value":
        return None
    if kind == "struct_value":
        return {key: plain(inner) for key, inner in value.struct_value.fields.items()}
    if kind == "list_value":
        return [plain(inner) for inner in value.list_value.values]
    if kind == "number_value" and value.number_value.is_integer():
        return int(value.number_value)
    return getattr(value, kind)


def write(struct: Struct, content: Mapping[str, Any]) -> None:
    """Write each entry, instead of one of that name that is there."""
    for key in content:
        if key in struct.fields:
            del struct.fields[key]
    _fill(struct, content)


def _fill(struct: Struct, content: Mapping[str, Any]) -> None:
    """By far the most values are texts, then objects."""
    fields = struct.fields
    for key, value in content.items():
        kind = type(value)
        if kind is str:
            fields[key].string_value = value
        elif kind is dict:
            inner = fields[key].struct_value
            inner.SetInParent()
            _fill(inner, value)
        else:
            _set(fields[key], value)


def _set(slot: Value, value: Any) -> None:
    kind = type(value)
    if kind is str:
        slot.string_value = value
    elif kind is dict:
        slot.struct_value.SetInParent()
        _fill(slot.struct_value, value)
    elif kind is list or kind is tuple:
        slot.list_value.SetInParent()
        add = slot.list_value.values.add
        for item in value:
            _set(add(), item)
    elif kind is bool:
        slot.bool_value = value
    elif value is None:
        slot.null_value = NULL_VALUE
    else:
        slot.number_value = value
