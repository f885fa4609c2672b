"""PostgreSQL's arrays in their binary format: psycopg's own way with lists costs more than the rest of a statement."""

import struct
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

OIDS = {"int4": 23, "int8": 20, "text": 25, "bytea": 17}
NULL = struct.pack("!i", -1)

_length = struct.Struct("!i").pack
_integers = {"int4": struct.Struct("!ii").pack, "int8": struct.Struct("!iq").pack}


class Packed(bytes):
    """An array in PostgreSQL's binary format."""

    __slots__ = ()


EMPTY = {kind: Packed(struct.pack("!iii", 0, 0, oid)) for kind, oid in OIDS.items()}


class PackedDumper(Dumper):
    """Sends it as it is."""

    format = Format.BINARY

    def dump(self, obj: bytes) -> bytes:
        """The array itself."""
        return obj


psycopg.adapters.register_dumper(Packed, PackedDumper)


def packed(kind: str, items: Sequence[Any]) -> Packed:
    """Items, of which any may be None, as an array of this type; numbers, or texts or bytes."""
    if not items:
        return EMPTY[kind]
    head = struct.pack("!iiiii", 1, 1, OIDS[kind], len(items), 1)
    parts = _numbers(kind, items) if kind in _integers else _texts(items)
    return Packed(b"".join([head, *parts]))


def _numbers(kind: str, items: Sequence[int | None]) -> list[bytes]:
    pack, width = _integers[kind], int(kind[-1])
    return [NULL if item is None else pack(width, item) for item in items]


def _texts(items: Sequence[str | bytes | None]) -> list[bytes]:
    parts = []
    for item in items:
        if item is None:
            parts.append(NULL)
        else:
            raw = item.encode() if isinstance(item, str) else item
            parts += (_length(len(raw)), raw)
    return parts
