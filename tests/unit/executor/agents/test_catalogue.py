"""Agents by name, from the image and from a folder that changes."""

import json
import os

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client import Gauge as Metric

from executor.agents import folder
from executor.agents.catalogue import Catalogue
from executor.errors import Misconfigured
from executor.jobs.agents import UNRESOLVED, KnownAgent, Resolved

GRAPHS = {"table": "Draws tables.", "other": None}


def defined(prompt="Be brief.", **more):
    return {"nodes": [{"id": "a", "config": {"system_prompt": prompt}}], **more}


def write(path, definition):
    """As git-sync or an editor replaces a file: the new one is whole when its name is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(definition if isinstance(definition, str) else json.dumps(definition))
    fresh.replace(path)


def mount(place, configmap, **files):
    """As the kubelet projects a ConfigMap: what is there are links through one link, which is swapped."""
    data = place / f"..{len(list(place.iterdir()))}"
    (data / configmap).mkdir(parents=True)
    for name, definition in files.items():
        (data / configmap / f"{name}.json").write_text(json.dumps(definition))
    (place / "..data_tmp").symlink_to(data.name)
    (place / "..data_tmp").replace(place / "..data")
    if not (place / configmap).is_symlink():
        (place / configmap).symlink_to(f"..data/{configmap}")


@pytest.fixture
def refused():
    return Metric("refused", "", registry=CollectorRegistry())


def opened(place, refused=None):
    return Catalogue(place, GRAPHS, "langgraph.json", refused)


def misconfigured(place):
    with pytest.raises(Misconfigured) as caught:
        opened(place)
    return str(caught.value).replace(str(place), "")


def test_graphs_and_files_of_the_folder_and_of_folders_in_it_have_names(tmp_path):
    write(tmp_path / "brief.json", defined())
    write(tmp_path / "team" / "kind.v2.yaml", "description: Kind.\nnodes: [{id: a, config: {system_prompt: Be kind.}}]")
    write(tmp_path / "team" / "deeper" / "nobody.json", "nothing")
    write(tmp_path / "README.md", "Not an agent.")
    write(tmp_path / ".hidden.json", "nothing")
    known = opened(tmp_path)
    assert known.listed() == [
        KnownAgent("brief", "definition", "brief.json"),
        KnownAgent("kind.v2", "definition", "team/kind.v2.yaml", "Kind."),
        KnownAgent("other", "graph", "langgraph.json"),
        KnownAgent("table", "graph", "langgraph.json", "Draws tables."),
    ]
    assert known.resolve("table") == Resolved("table")
    assert known.resolve("brief") == Resolved.of(defined(), "brief")
    assert known.resolve("kind.v2").text == json.dumps({"description": "Kind.", **defined("Be kind.")}, sort_keys=True)
    strangers: list[object] = ["nobody", "README", ".hidden", 5, {}, []]
    assert [known.resolve(name) for name in strangers] == [UNRESOLVED] * 6


@pytest.mark.parametrize("name", ["absent", "langgraph.json"])
def test_a_folder_that_is_not_there_has_no_agents(tmp_path, name):
    (tmp_path / "langgraph.json").touch()
    assert [agent.kind for agent in opened(tmp_path / name).listed()] == ["graph", "graph"]


NOT_JSON = "/a.json: is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
TWICE = "is an agent of"


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"a.json": {"nodes": []}}, "/a.json.nodes: is empty"),
        ({"a.yaml": "nodes: [{id: a, type: 5}]"}, "/a.yaml.nodes[0].type: must be a string"),
        ({"a.yaml": "nodes: 2026-01-02"}, "/a.yaml: nodes: is a date, which JSON has not: a text stands in quotes"),
        ({"a.json": defined(), "b/a.yaml": defined()}, f"/a.json: 'a' {TWICE} /b/a.yaml too"),
        ({"table.json": defined()}, f"/table.json: 'table' {TWICE} langgraph.json too"),
        ({"b/table.json": "", "table.yml": ""}, f"/b/table.json: 'table' {TWICE} /table.yml and of langgraph.json too"),
        ({"a.json": "{", "b.json": "[]"}, f"{NOT_JSON}; /b.json: is not an object"),
        ({"a.yaml": "#" * (1 << 20) + "\n"}, "/a.yaml: is larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_no_agent_keeps_the_service_from_starting(tmp_path, files, complaint):
    for name, definition in files.items():
        write(tmp_path / name, definition)
    assert misconfigured(tmp_path) == complaint


def test_files_that_cannot_be_read_or_are_too_many_are_said_to_be(tmp_path, monkeypatch):
    (tmp_path / "a.json").symlink_to("nowhere.json")
    assert misconfigured(tmp_path) == "/a.json: [Errno 2] No such file or directory: '/a.json'"
    (tmp_path / "a.json").unlink()
    (tmp_path / "b.yaml").write_bytes(b"a: \xff")
    assert misconfigured(tmp_path) == "/b.yaml: is not UTF-8"
    (tmp_path / "b.yaml").unlink()
    (tmp_path / os.fsdecode(b"\xff.json")).write_text("{}")
    assert misconfigured(tmp_path).endswith(".json: its name is not UTF-8")
    monkeypatch.setattr("executor.agents.folder.MOST", 0)
    assert misconfigured(tmp_path) == ": holds 1 agents, 0 at most are taken"


def test_what_changes_is_read_again_also_where_a_config_map_is_swapped(tmp_path):
    mount(tmp_path, "prompts", one=defined("First."), two=defined())
    known = opened(tmp_path)
    before = known.definitions["two"]
    mount(tmp_path, "prompts", one=defined("Second."), two=defined())
    known.look(tmp_path)
    assert known.resolve("one") == Resolved.of(defined("Second."), "one")
    write(tmp_path / "three.json", defined("Third."))
    known.look(tmp_path)
    assert known.resolve("three") == Resolved.of(defined("Third."), "three")
    (tmp_path / "three.json").unlink()
    known.look(tmp_path)
    assert (known.resolve("three"), known.resolve("two")) == (UNRESOLVED, before.resolved)


def test_of_many_agents_a_few_are_told(tmp_path):
    for n in range(30):
        write(tmp_path / f"a{n:02}.json", defined())
    told = ", ".join(f"a{n:02}" for n in range(20))
    assert str(opened(tmp_path).unknown("x")) == f"data.agent_definition.agent: 'x' is no agent here ({told}, ...)"
    assert str(Catalogue().unknown("x")).endswith("'x' is no agent here (there are none)")


def test_nothing_is_read_while_nothing_changes(tmp_path, monkeypatch):
    write(tmp_path / "a.json", defined())
    known = opened(tmp_path)
    monkeypatch.setattr(folder, "read", None)
    known.look(tmp_path)


def test_an_agent_stays_as_it_was_while_its_file_is_wrong_and_the_others_go_on(tmp_path, refused):
    write(tmp_path / "a.json", defined("First."))
    write(tmp_path / "b.json", defined("First."))
    known = opened(tmp_path, refused)
    write(tmp_path / "a.json", {"nodes": []})
    write(tmp_path / "b.json", defined("Second."))
    write(tmp_path / "c.json", "{")
    known.look(tmp_path)
    assert [known.resolve(name) for name in "abc"] == [
        Resolved.of(defined("First."), "a"),
        Resolved.of(defined("Second."), "b"),
        UNRESOLVED,
    ]
    assert value(refused) == 2
    (tmp_path / "c.json").unlink()
    write(tmp_path / "a.json", defined("Third."))
    known.look(tmp_path)
    assert (known.resolve("a"), value(refused)) == (Resolved.of(defined("Third."), "a"), 0)


def test_a_name_that_comes_twice_stays_what_it_was(tmp_path, refused):
    write(tmp_path / "a.json", defined("First."))
    known = opened(tmp_path, refused)
    write(tmp_path / "team" / "a.yaml", defined("Second."))
    known.look(tmp_path)
    assert (known.resolve("a"), value(refused)) == (Resolved.of(defined("First."), "a"), 1)
    (tmp_path / "a.json").unlink()
    known.look(tmp_path)
    assert (known.resolve("a"), value(refused)) == (Resolved.of(defined("Second."), "a"), 0)


def test_a_folder_that_cannot_be_read_for_a_while_changes_nothing(tmp_path, refused, monkeypatch):
    write(tmp_path / "a.json", defined())
    known = opened(tmp_path, refused)

    def fail(*_):
        raise PermissionError(13, "no")

    with monkeypatch.context() as patched:
        patched.setattr(folder, "fingerprint", fail)
        known.look(tmp_path)
    assert (known.resolve("a"), value(refused)) == (Resolved.of(defined(), "a"), 2)
    known.look(tmp_path)
    assert (known.resolve("a"), value(refused)) == (Resolved.of(defined(), "a"), 0)


def value(metric):
    return metric._value.get()
