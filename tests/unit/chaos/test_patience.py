"""What is promised to people and of outages: each check passes what is as it should be, and bites on what is not."""

from dataclasses import replace

import pytest

from tests.chaos.history import Answer, Asked, Call, Fact, Fault, History
from tests.chaos.patience import CHECKS

RIGHT = Answer(13, "a", "right", 202, ("x",), ("word-a-1",))
CALLS = [Call(10, "w1.1", "a", 0), Call(15, "w2.1", "a", 1)]
COMPLETED = Fact(15.5, "a:completed", "completed", "a", attempts=1, said=("word-a-1", "word-a-2"))
GOOD = History(
    asked=[Asked("a", "a", 2, at=9, asks=(2,)), Asked("b", "b", 1, at=9)],
    calls=CALLS,
    facts=[
        Fact(11, "a:interrupted:1", "interrupted", "a", asked=("x", "y")),
        Fact(12.5, "a:interrupted:2", "interrupted", "a", asked=("x", "y"), sorry=True),
        COMPLETED,
        Fact(10, "b:completed", "completed", "b", attempts=1),
    ],
    answers=[
        Answer(11.5, "a", "refused", 422, ("x",)),
        Answer(12, "a", "wrong", 202, ("x",)),
        RIGHT,
        replace(RIGHT, kind="again"),
        Answer(13.5, "a", "late", 409, ("x",)),
        Answer(14, "a", "right", 202, ("y",), ("word-a-2",)),
    ],
)
OUTAGE = Fault("outage", "provider", 20, 40)


def ended(**more):
    """The good history, of which the asking job ended otherwise."""
    return replace(GOOD, facts=[replace(COMPLETED, **more) if fact is COMPLETED else fact for fact in GOOD.facts])


def answered(**more):
    """The good history with one right answer more, as it says."""
    return replace(GOOD, answers=[*GOOD.answers, replace(RIGHT, **more)])


def asked_of(worker, count, *, seconds):
    """An outage in which a worker asked so often in so many seconds."""
    calls = [Call(20 + seconds * n / count, worker, "b", 0, refused=True) for n in range(count)]
    return replace(GOOD, calls=[*CALLS, *calls], faults=[OUTAGE])


def found(history):
    """The checks that the history breaks."""
    return {check.__name__ for check in CHECKS if list(check(history))}


WRONG = {
    "a question that is not told": (
        "questions_are_told",
        replace(GOOD, facts=[replace(fact, asked=fact.asked[:1]) for fact in GOOD.facts]),
    ),
    "nothing that is told": (
        "questions_are_told",
        replace(GOOD, facts=[fact for fact in GOOD.facts if fact.word != "interrupted"]),
    ),
    "a telling that has its first one's id": (
        "questions_are_told",
        replace(GOOD, facts=[*GOOD.facts[:1], replace(GOOD.facts[1], id="a:interrupted:1"), *GOOD.facts[2:]]),
    ),
    "a wrong answer that is not told of": (
        "questions_are_told",
        replace(GOOD, facts=[GOOD.facts[0], *GOOD.facts[2:]]),
    ),
    "a right answer that is called wrong": (
        "questions_are_told",
        replace(GOOD, facts=[*GOOD.facts, replace(GOOD.facts[1], id="a:interrupted:3")]),
    ),
    "another question that comes back": (
        "questions_are_told",
        replace(GOOD, facts=[GOOD.facts[0], replace(GOOD.facts[1], asked=("y",)), *GOOD.facts[2:]]),
    ),
    "a right answer that is refused when it comes again": ("answers_are_judged", answered(kind="again", status=422)),
    "nonsense that is taken": ("answers_are_judged", answered(kind="refused")),
    "nonsense that changes the job": ("answers_are_judged", answered(kind="refused", status=422, changed=True)),
    "a second click that is an error": ("answers_are_judged", answered(kind="again", status=409)),
    "an answer too late that is taken": ("answers_are_judged", answered(kind="late")),
    "an answer that is lost": ("answers_are_taken_once", ended(said=("word-a-1",))),
    "an answer that is taken twice": ("answers_are_taken_once", ended(said=(*COMPLETED.said, "word-a-1"))),
    "an answer that nobody gave": ("answers_are_taken_once", ended(said=("word-a-1", "word-a-9"))),
    "an end with a question open": (
        "answers_are_taken_once",
        replace(ended(said=("word-a-1",)), answers=GOOD.answers[:-1]),
    ),
    "answers that are attempts": ("attempts_are_faults", ended(attempts=3)),
    "a rollout that is an attempt": (
        "attempts_are_faults",
        replace(ended(attempts=2), faults=[Fault("rollout", "w1.1", 10, 11)]),
    ),
    "a storm": ("outages_meet_no_storm", asked_of("w1.1", 200, seconds=20)),
    "a storm at first": ("outages_meet_no_storm", asked_of("w1.1", 200, seconds=2)),
}


def test_patience_as_promised_breaks_nothing():
    assert found(GOOD) == set()


@pytest.mark.parametrize("what", WRONG)
def test_what_is_impatient_breaks_its_check_and_no_other(what):
    check, history = WRONG[what]
    assert found(history) == {check}


def test_every_check_is_shown_to_bite():
    assert {check for check, _ in WRONG.values()} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    "history",
    [
        replace(ended(attempts=2), faults=[Fault("kill", "w1.1", 10.5, 10.5)]),
        replace(ended(attempts=2), calls=[*CALLS, Call(14.5, "w2.1", "a", 1, refused=True)], faults=[OUTAGE]),
        asked_of("w1.1", 30, seconds=20),
    ],
)
def test_what_happened_outside_is_no_breach(history):
    assert found(history) == set()
