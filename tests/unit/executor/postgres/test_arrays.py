"""Lists become PostgreSQL's arrays."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.postgres.arrays import packed
from tests.unit.executor.postgres.arrays import unpacked


@given(st.lists(st.none() | st.text() | st.binary()))
def test_texts_and_bytes_are_packed(items):
    expected = [item.encode() if isinstance(item, str) else item for item in items]
    assert unpacked("bytea", packed("bytea", items)) == expected


@pytest.mark.parametrize(("kind", "layout"), [("int4", "!i"), ("int8", "!q")])
def test_numbers_are_packed(kind, layout):
    items = [0, -1, None, 2**31 - 1]
    found = unpacked(kind, packed(kind, items))
    assert [item and struct.unpack(layout, item)[0] for item in found] == items
