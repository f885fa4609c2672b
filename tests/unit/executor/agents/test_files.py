"""Files among a graph's input, given as texts."""

from typing import Annotated, NotRequired, TypedDict

import pytest
from deepagents.backends.protocol import FileData
from hypothesis import given
from hypothesis import strategies as st
from langchain.agents import AgentState

from executor.agents.build import build
from executor.agents.definition import read
from executor.agents.files import channels_of_files, with_files
from tests.unit.executor.agents.test_build import SETTINGS
from tests.unit.executor.agents.test_definition import node, typed


class Own(TypedDict):
    papers: Annotated[NotRequired[dict[str, FileData | None]], "merged"]
    maybe: dict[str, FileData] | None
    texts: dict[str, str]
    bare: dict  # type: ignore[type-arg] # as people write it


class Broken(TypedDict):
    papers: "dict[str, Nowhere]"  # type: ignore[name-defined] # noqa: F821


@pytest.mark.parametrize(("schema", "channels"), [(Own, {"papers", "maybe"}), (AgentState, set()), (Broken, set())])
def test_channels_of_files_are_known_by_what_they_declare(schema, channels):
    assert channels_of_files(schema) == channels


def test_deep_agents_hold_files_and_plain_ones_do_not():
    deep, plain = (build(read({"nodes": [each]}), SETTINGS) for each in (typed("orchestrator", "a"), node("a")))
    assert channels_of_files(deep.builder.input_schema) == {"files"}
    assert channels_of_files(plain.builder.input_schema) == set()


def test_a_text_becomes_a_file_and_all_else_stays():
    kept = {"content": "eA==", "encoding": "base64"}
    payload = {"messages": [], "files": {"/a": "text", "/b": kept, "/c": None}, "other": {"/a": "text"}}
    files = {"/a": {"content": "text", "encoding": "utf-8"}, "/b": kept, "/c": None}
    assert with_files(payload, {"files"}) == payload | {"files": files}


@given(st.dictionaries(st.sampled_from(["files", "x"]), st.none() | st.text() | st.lists(st.text())))
def test_what_is_no_mapping_is_handed_on(payload):
    assert with_files(payload, {"files"}) == payload
