"""What one who watches a thread wants to hear."""

import pytest
from pydantic import ValidationError

from executor.faces.langgraph.protocol.events import Event, id_of, place_in, place_of, sequence_of, told
from executor.faces.langgraph.protocol.subscription import Subscription
from executor.jobs.entries import Place

DEEP = ("tools:1", "model:2")


def wants(event, **wanted):
    return Subscription.model_validate({"channels": ["tasks"], **wanted}).wants(event)


@pytest.mark.parametrize(
    ("prefix", "depth", "is_near"),
    [
        ([], None, True),
        ([], 2, True),
        ([], 1, False),
        (["tools:1"], 1, True),
        (["tools:1"], 0, False),
        (["tools"], None, True),
        (["tools:3"], None, False),
        (["tools:1", "model", "deeper"], None, False),
    ],
)
def test_a_namespace_is_near_when_it_lies_below_a_prefix_and_not_too_deep(prefix, depth, is_near):
    event = Event("tasks", DEEP, {})
    assert wants(event, namespaces=[prefix], depth=depth) is is_near
    assert wants(event, namespaces=[["other:1"], prefix], depth=depth) is is_near
    assert wants(event, depth=depth) is True


def test_events_are_on_the_channel_of_their_method_questions_on_input():
    assert wants(Event("values", (), {}), channels=["tasks", "values"])
    assert not wants(Event("values", (), {}), channels=["tasks"])
    assert wants(Event("input.requested", (), {}), channels=["input"])


def test_what_a_graph_tells_beside_its_state_has_a_name_or_none():
    named, unnamed = Event("custom", (), {"name": "progress", "payload": 1}), Event("custom", (), {"payload": 1})
    assert [wants(each, channels=["custom"]) for each in (named, unnamed)] == [True, True]
    assert [wants(each, channels=["custom:progress"]) for each in (named, unnamed)] == [True, False]


def test_it_is_a_watch_when_it_is_for_how_runs_stand_alone():
    assert Subscription.model_validate({"channels": ["lifecycle", "input"]}).is_watch
    assert not Subscription.model_validate({"channels": ["lifecycle", "values"]}).is_watch


@pytest.mark.parametrize(
    "wanted",
    [{"channels": ["news"]}, {"channels": ["tasks"], "since": -1}, {"channels": ["tasks"], "more": 1}, {}],
)
def test_what_is_not_understood_is_refused(wanted):
    with pytest.raises(ValidationError):
        Subscription.model_validate(wanted)


def test_numbers_are_ordered_as_entries_are_and_lead_back_to_them():
    places = [Place(1_796_000_000_000, 0), Place(1_796_000_000_000, 4095), Place(1_796_000_000_001, 0)]
    numbers = [sequence_of(place) for place in places]
    assert numbers == sorted(numbers)
    assert [place_of(number) for number in numbers] == places
    assert sequence_of(Place(5, 10**6)) == sequence_of(Place(5, 4095))
    assert max(numbers) < 2**53


def test_ids_lead_back_to_entries_and_those_of_a_runs_lifecycle_name_it():
    event, place = Event("lifecycle", (), {"event": "running"}, run="a:b\n"), Place(5, 6)
    assert id_of(event, place, 2) == "synth:a%3Ab%0A:5-6.2"
    assert id_of(Event("tasks", (), {}), place, 2) == "5-6.2"
    assert [place_in(each) for each in ("synth:a%3Ab%0A:5-6.2", "5-6.2", "5-6.1f1-e", "5-6.2m")] == [place] * 4
    with pytest.raises(ValueError, match="is no id"):
        place_in("x")


def test_an_event_is_told_in_the_protocols_envelope():
    event = Event("values", DEEP, {"n": 1}, node="add", checkpoint={"id": "c"})
    assert told(event, Place(5, 6), "5-6.2") == {
        "type": "event",
        "event_id": "5-6.2",
        "seq": 5 << 12 | 6,
        "method": "values",
        "params": {
            "namespace": DEEP,
            "timestamp": 5,
            "data": {"n": 1},
            "node": "add",
            "checkpoint": {"id": "c"},
        },
    }
    assert told(Event("lifecycle", (), {}, run="j"), Place(5, 6), "x")["params"] == {
        "namespace": (),
        "timestamp": 5,
        "data": {},
    }
