"""Read PostgreSQL's binary arrays."""

import struct

from executor.postgres.arrays import OIDS


def unpacked(kind: str, array: bytes) -> list[bytes | None]:
    """The items of an array in PostgreSQL's binary format."""
    dimensions, _, oid = struct.unpack_from("!iii", array)
    assert (oid, dimensions) == (OIDS[kind], min(1, len(array) - 12))
    if not dimensions:
        return []
    length, lower = struct.unpack_from("!ii", array, 12)
    assert lower == 1
    items, at = [], 20
    for _ in range(length):
        (size,) = struct.unpack_from("!i", array, at)
        items.append(None if size < 0 else array[at + 4 : at + 4 + size])
        at += 4 + max(size, 0)
    assert at == len(array)
    return items
