"""Units become the arrays of one statement."""

import struct
from datetime import UTC, datetime

from executor.checkpoints.statement import TYPES, parameters
from executor.checkpoints.unit import ROW_BYTES, Rows, Unit, distinct
from executor.jobs.claims import Claim
from tests.unit.executor.postgres.arrays import unpacked


def claim(job: str) -> Claim:
    return Claim(job, 7, 1, 0.0, datetime.now(UTC))


def test_every_row_names_its_unit():
    blob = ("t", "", "c", "1", "msgpack", b"value")
    checkpoint = ("t", "", "id", None, b"{}", b"{}")
    write = ("t", "", "id", "task", "path", 0, "c", "msgpack", b"value")
    units = [
        Unit(claim("a"), Rows(blobs=[blob, blob])),
        Unit(claim("b"), Rows(checkpoints=[checkpoint], writes=[write])),
    ]
    columns = [unpacked(kind, array) for kind, array in zip(TYPES, parameters(units), strict=True)]
    number = [struct.pack("!i", n) for n in range(2)]
    assert columns[:3] == [number, [b"a", b"b"], [struct.pack("!q", 7)] * 2]
    assert columns[3:10] == [
        [number[0]] * 2,
        [b"t"] * 2,
        [b""] * 2,
        [b"c"] * 2,
        [b"1"] * 2,
        [b"msgpack"] * 2,
        [b"value"] * 2,
    ]
    assert columns[10:17] == [[number[1]], [b"t"], [b""], [b"id"], [None], [b"{}"], [b"{}"]]
    assert columns[17:] == [
        [number[1]], [b"t"], [b""], [b"id"], [b"task"], [b"path"], [number[0]], [b"c"], [b"msgpack"], [b"value"],
    ]  # fmt: skip


def test_a_unit_knows_how_heavy_it_is():
    unit = Unit(claim("a"), Rows(blobs=[("t", "", "c", "1", "msgpack", b"x" * 1000)], checkpoints=[(b"{}", b"{}")]))
    assert unit.size == 1011 + 2 * ROW_BYTES


def test_of_two_rows_with_one_key_the_first_stays_and_of_special_ones_the_last():
    def row(index: int, value: bytes):
        return ("t", "", "id", "task", "", index, "c", "bytes", value)

    kept = distinct([row(0, b"first"), row(-4, b"first"), row(0, b"last"), row(-4, b"last")])
    assert kept == [row(0, b"first"), row(-4, b"last")]
