"""Each invariant passes a history that is as it should be, and bites on one that is not."""

from dataclasses import replace

import pytest

from tests.chaos.history import Asked, Call, Entry, Exit, Fact, Fault, History, Live, Vital
from tests.chaos.invariants import INVARIANTS, judge, recoveries
from tests.chaos.patience import CHECKS

END = Entry("a", "end")
GOOD = History(
    asked=[
        Asked("a", "t", 2, place=1, at=0.0),
        Asked("b", "t", 1, place=2, at=1.0),
        Asked("p", "p", 1, "failed", ("model_refused",), place=3, at=2.0),
        Asked("g", "g", 0, "failed", ("invalid_event",), place=4, at=3.0, subject="S:4"),
    ],
    calls=[
        Call(10, "w1.1", "a", 0),
        Call(11, "w1.1", "a", 1),
        Call(12, "w2.1", "b", 0),
        Call(13, "w2.1", "p", 0, refused=True),
    ],
    facts=[
        Fact(10, "a:started", "started", "a"),
        Fact(11.5, "a:completed", "completed", "a", (("a", 2),)),
        Fact(12.5, "b:completed", "completed", "b", (("a", 2), ("b", 1))),
        Fact(13.5, "p:failed", "failed", "p"),
        Fact(14, "S:4:failed", "failed", "S:4"),
    ],
    letters=[("p", "model_refused"), ("g", "invalid_event")],
    exits=[Exit("w1.1", "kill", -9, 20), Exit("w2.1", "rollout", 0, 30)],
    vitals=[Vital(2 * n, "w2.1", 150, 20) for n in range(60)],
    rest={"pending": 0, "leased": 0},
    shown={"a": "completed", "b": "completed", "p": "failed"},
    live={"t": Live([END, Entry("b", "token"), Entry("b", "end")], 3000), "p": Live([Entry("p", "end")], 3000)},
)
PAUSE = Fault("pause", "w1.1", 10.5, 30)


def late(*calls, **more):
    """The good history with more calls."""
    return replace(GOOD, calls=[*GOOD.calls, *calls], **more)


def told(*facts):
    return replace(GOOD, facts=[*GOOD.facts, *facts])


def lived(more):
    """The good history with other streams."""
    return replace(GOOD, live={**GOOD.live, **more})


def without(about):
    return [fact for fact in GOOD.facts if fact.about != about]


WRONG = {
    "a second id": ("one_terminal_event", told(Fact(15, "a:failed", "failed", "a"))),
    "no end": ("one_terminal_event", replace(GOOD, facts=without("p"))),
    "another word": ("one_terminal_event", replace(GOOD, facts=[*without("p"), Fact(15, "p:c", "completed", "p")])),
    "a job that nobody asked for": ("one_terminal_event", told(Fact(15, "x:c", "completed", "x"))),
    "an id twice": ("published_once", told(GOOD.facts[1])),
    "an earlier step": ("committed_steps_stay", late(Call(11.2, "w2.1", "a", 0))),
    "two late calls of one pause": (
        "committed_steps_stay",
        late(Call(31, "w1.1", "a", 0), Call(32, "w1.1", "a", 0), faults=[PAUSE]),
    ),
    "a step again, for no reason": ("repeats_are_excused", late(Call(11.2, "w2.1", "a", 1))),
    "a step again, by a fault elsewhere": (
        "repeats_are_excused",
        late(Call(11.2, "w2.1", "a", 1), faults=[Fault("kill", "w3.1", 11.1, 11.1)]),
    ),
    "a step again, by a rollout": (
        "repeats_are_excused",
        late(Call(11.2, "w2.1", "a", 1), faults=[Fault("rollout", "w1.1", 11.1, 11.1)]),
    ),
    "two at a time": ("threads_take_turns", late(Call(10.5, "w2.1", "b", 0))),
    "the second first": ("threads_keep_their_order", late(Call(9, "w2.1", "b", 0))),
    "an input twice": ("results_are_whole", told(Fact(15, "a:completed", "completed", "a", (("a", 0), ("a", 2))))),
    "a step that is missing": ("results_are_whole", told(Fact(15, "a:completed", "completed", "a", (("a", 1),)))),
    "a thread that forgot": ("results_are_whole", told(Fact(15, "b:completed", "completed", "b", (("b", 1),)))),
    "a row that is not marked": ("comes_to_rest", replace(GOOD, rest={"unmarked": 1})),
    "no last entry": ("streams_end", lived({"p": Live([Entry("p", "token")], 3000)})),
    "two last entries": ("streams_end", lived({"p": Live([Entry("p", "end")] * 2, 3000)})),
    "an entry after the last": (
        "streams_end",
        lived({"p": Live([Entry("p", "end"), Entry("p", "token")], 3000)}),
    ),
    "a stream for ever": ("streams_end", lived({"p": Live([Entry("p", "end")], -1)})),
    "a letter for a good job": ("letters_are_the_poison", replace(GOOD, letters=[*GOOD.letters, ("a", "exhausted")])),
    "a letter twice": ("letters_are_the_poison", replace(GOOD, letters=[*GOOD.letters, GOOD.letters[0]])),
    "no letter": ("letters_are_the_poison", replace(GOOD, letters=[])),
    "a stop with a failure": ("workers_end_well", replace(GOOD, exits=[Exit("w1.1", "rollout", 1)])),
    "an end by itself": ("workers_end_well", replace(GOOD, exits=[Exit("w1.1", "itself", 0)])),
    "memory that grows": (
        "workers_stay_small",
        replace(GOOD, vitals=[Vital(2 * n, "w2.1", 150 + 4 * n, 20) for n in range(60)]),
    ),
    "descriptors that are left open": (
        "workers_stay_small",
        replace(GOOD, vitals=[Vital(2 * n, "w2.1", 150, 20 + n) for n in range(60)]),
    ),
    "a secret": ("secrets_stay_secret", replace(GOOD, leaks=["w1.1.log holds a secret"])),
    "a bug in a log": ("no_bug_is_logged", replace(GOOD, bugs=["w1.1.log: KeyError"])),
    "another word by HTTP": ("http_agrees", replace(GOOD, shown={**GOOD.shown, "a": "running"})),
}


def test_a_history_that_is_as_promised_breaks_nothing():
    assert judge(GOOD) == {name: [] for name in INVARIANTS}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_breaks_its_invariant(what):
    invariant, history = WRONG[what]
    assert judge(history)[invariant]


def test_every_invariant_is_shown_to_bite():
    assert {invariant for invariant, _ in WRONG.values()} == set(INVARIANTS) - {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    "history",
    [
        late(Call(11.2, "w2.1", "a", 1), faults=[Fault("kill", "w1.1", 11.1, 11.1)]),
        late(Call(11.2, "w2.1", "a", 1), faults=[Fault("postgres", "postgres", 11.1, 12)]),
        late(Call(11.2, "w2.1", "a", 1), faults=[Fault("cut", "w1.1>postgres", 11.1, 11.1)]),
        late(Call(31, "w1.1", "a", 0), faults=[PAUSE]),
        replace(GOOD, calls=[Call(9, "w2.1", "b", 0), *GOOD.calls[:2]], faults=[Fault("kill", "w1.1", 5, 5)]),
    ],
)
def test_what_a_fault_explains_is_no_breach(history):
    found = judge(history)
    ours = ("committed_steps_stay", "repeats_are_excused", "threads_keep_their_order")
    assert not [line for name in ours for line in found[name]]


def test_an_end_is_not_missed_where_dragonfly_was_away():
    away = replace(GOOD, live={}, faults=[Fault("hold", f"w{n}.1>dragonfly", 11, 14) for n in (1, 2)])
    assert judge(away)["streams_end"] == []


def test_an_end_may_come_twice_where_the_ledgers_answer_was_held():
    twice = lived({"p": Live([Entry("p", "end")] * 2, 3000)})
    held = replace(twice, faults=[Fault("hold", "w2.1>postgres", 1, 13)])
    assert [len(judge(history)["streams_end"]) for history in (twice, held)] == [1, 0]


def test_a_recovery_lasts_from_the_kill_to_the_next_step_elsewhere():
    killed = late(Call(27, "w2.1", "p", 0), faults=[Fault("kill", "w2.1", 13.2, 13.2)])
    assert recoveries(killed) == [pytest.approx(13.8)]


def test_a_recovery_is_not_measured_where_a_person_or_the_provider_was_waited_for():
    killed = late(Call(27, "w2.1", "p", 0), faults=[Fault("kill", "w2.1", 13.2, 13.2)])
    asking = replace(killed, asked=[replace(asked, asks=(1,)) for asked in killed.asked])
    away = replace(killed, faults=[*killed.faults, Fault("outage", "provider", 14, 20)])
    assert [recoveries(history) for history in (asking, away)] == [[], []]
