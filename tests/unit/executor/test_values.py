"""JSON that leaves the process."""

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.values import DEEPEST, dumps, escaped, is_unicode, unicode

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)


@dataclass
class Kept:
    """Its text leaves something out."""

    name: str
    secret: str = field(repr=False, default="sk-1")


@pytest.mark.parametrize("beside", [None, "half \ud800"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, 2.5, True, None, "ä\0"]}, '{"a":[1,2.5,true,null,"ä\\u0000"]}'),
        (MOMENT, '"2026-01-02T03:04:05.000678Z"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ([math.nan, math.inf], "[null,null]"),
        (2**70, "1180591620717411303424"),
        ([10**4000, 10**5000], f'[{10**4000},"<int>"]'),
        ({1: "one", None: "none"}, '{"1":"one","None":"none"}'),
        ((b"\xff", bytearray(b"a")), '["/w==","YQ=="]'),
        (Kept("a"), "\"Kept(name='a')\""),
        ("\ud83d\ude42", '"🙂"'),
        ("a\udc00\ud800b", '"a\ufffd\ufffdb"'),
        ({"\ud800": 1}, '{"\ufffd":1}'),
    ],
)
def test_a_value_has_one_form_whatever_stands_beside_it(value, told, beside):
    assert json.loads(dumps([value, beside]))[0] == json.loads(dumps(value)) == json.loads(told)


def test_what_is_deeper_than_readers_go_is_cut():
    deep = json.loads("[" * 900 + "]" * 900)
    assert orjson.loads(dumps(deep)) == json.loads("[" * DEEPEST + '"..."' + "]" * DEEPEST)


ODD = st.characters() | st.sampled_from("\ud800\udfff\0ä🙂")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(ODD), inner, max_size=3),
    max_leaves=10,
)


@given(value=json_values)
def test_any_json_is_utf_8_that_every_reader_takes(value):
    told = dumps(value)
    assert orjson.loads(told) == json.loads(told.decode())


@given(value=json_values)
def test_in_ascii_it_says_the_same(value):
    told = escaped(value)
    assert told.isascii()
    assert json.loads(told) == json.loads(dumps(value))


@given(said=st.text(ODD))
def test_text_that_is_unicode_stays_and_any_other_becomes_it(said):
    unicode(said).encode()
    assert is_unicode(said) == (unicode(said) == said)
