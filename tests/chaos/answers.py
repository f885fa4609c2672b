"""What a person makes of a job's questions: right and wrong answers, together, in pieces, and too late. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.history import Kind
from tests.chaos.jobs import WORD, word

Question = Mapping[str, Any]  # an interrupt, as its event tells it

ERRING = 0.4
LATE = 0.3
TOGETHER = 0.5
PLAINLY = 0.5
CLICKS = (1, 1, 2, 3)
TOO_LATE = "another answer"
NO_WORDS: tuple[Any, ...] = (None, 7, [], {"word": 1}, "nothing of the kind")
NO_DECISIONS: tuple[Any, ...] = (
    None,
    [],
    {},
    "approve",
    {"decisions": []},
    {"decisions": [{"type": "aprove"}] * 2},
    {"decisions": [{"type": "respond", "message": "not allowed here"}] * 2},
    {"decisions": [{"type": "edit", "edited_action": {"name": "write_file"}}] * 2},
    [{"type": "accept"}],
)


@dataclass(frozen=True)
class Act:
    """An answer to some questions, given by so many clicks; `words` are what a right one leaves in the result."""

    kind: Kind
    resume: Any
    questions: tuple[str, ...]
    words: tuple[str, ...] = ()
    clicks: int = 1


def acts(random: Random, job: str, asked: Sequence[Question], numbers: Iterator[int]) -> Iterator[Act]:
    """One after the other, until each question has its right answer; after a wrong one its question comes back."""
    if "action_requests" in asked[0]["value"]:
        yield from _decide(random, job, asked[0], numbers)
    else:
        yield from _fill_in(random, job, [question["id"] for question in asked], numbers)


def _decide(random: Random, job: str, question: Question, numbers: Iterator[int]) -> Iterator[Act]:
    """A tool's calls are approved, changed or refused; the form of that is known to the service."""
    if random.random() < ERRING:
        yield Act("refused", random.choice(NO_DECISIONS), (question["id"],))
    actions = question["value"]["action_requests"]
    made = [_decision(random, action, word(job, next(numbers))) for action in actions]
    answer = {"decisions": [decision for decision, _ in made]}
    yield _right(random, {question["id"]: answer}, tuple(said for _, said in made), alone=True)
    yield from _late(random, question["id"])


def _decision(random: Random, action: Mapping[str, Any], said: str) -> tuple[dict[str, Any], str]:
    """A decision, and the word that its tool's result will hold: that of the file, or of the person."""
    match random.choice(("approve", "edit", "reject")):
        case "approve":
            return {"type": "approve"}, WORD.findall(action["args"]["file_path"])[0]
        case "edit":
            edited = {"name": action["name"], "args": {"file_path": f"/{said}", "content": "x"}}
            return {"type": "edit", "edited_action": edited}, said
        case _:
            return {"type": "reject", "message": f"No: {said}."}, said


def _fill_in(random: Random, job: str, ids: Sequence[str], numbers: Iterator[int]) -> Iterator[Act]:
    """Each question is answered, some first wrongly as only the graph can tell, in any order."""
    if random.random() < ERRING:
        yield Act("refused", _nonsense(random, ids), tuple(ids))
    errors = {each for each in ids if random.random() < ERRING}
    group: dict[str, str] = {}
    for each in random.sample([*ids, *sorted(errors)], len(ids) + len(errors)):
        if each in errors:
            errors.discard(each)
            yield Act("wrong", {each: random.choice(NO_WORDS)}, (each,))
            continue
        group[each] = word(job, next(numbers))
        if random.random() > TOGETHER:
            yield _right(random, group, tuple(group.values()), alone=len(ids) == 1)
            yield from _late(random, each)
            group = {}
    if group:
        yield _right(random, group, tuple(group.values()), alone=len(ids) == 1)


def _nonsense(random: Random, ids: Sequence[str]) -> Any:
    """An answer to what is not asked, or to one of several without a word to which."""
    unknown = {ids[0]: "x", "nobody": "x"}
    return random.choice(("which?", unknown)) if len(ids) > 1 else unknown


def _right(random: Random, answers: Mapping[str, Any], words: tuple[str, ...], *, alone: bool) -> Act:
    [first, *_] = answers.values()
    resume = first if alone and random.random() < PLAINLY else dict(answers)
    return Act("right", resume, tuple(answers), words, random.choice(CLICKS))


def _late(random: Random, question: str) -> Iterator[Act]:
    if random.random() < LATE:
        yield Act("late", {question: TOO_LATE}, (question,))
