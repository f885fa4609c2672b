"""JSON into a Struct and back."""

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from function.crossplane.structs import at, plain, text, write

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_what_is_written_is_read_and_is_what_protobuf_itself_would_write(content: dict[str, Any]) -> None:
    ours, theirs = Struct(), Struct()
    write(ours, content)
    theirs.update(content)
    assert ours == theirs
    assert {key: plain(value) for key, value in ours.fields.items()} == content


@pytest.mark.parametrize("before", [{}, {"a": {"gone": 1}, "b": [1, 2, 3]}, {"a": "text", "b": None}])
def test_an_entry_takes_the_place_of_the_one_that_was_there(before: dict[str, Any]) -> None:
    struct = Struct()
    struct.update({**before, "kept": True})
    write(struct, {"a": {"x": 1.5}, "b": ("one",)})
    assert {key: plain(value) for key, value in struct.fields.items()} == {"a": {"x": 1.5}, "b": ["one"], "kept": True}


def test_reading_what_is_not_there_makes_nothing() -> None:
    struct = Struct()
    assert (text(at(struct, "a", "b"), "c"), plain(struct.fields.get("d"))) == ("", None)
    assert struct == Struct()
