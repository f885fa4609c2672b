"""What people answer to a job's questions: which question an answer is to, and whether it can be right. Pure.

A question is what a graph's `interrupt` asks, or a breakpoint. It has an id and, where it is asked again, another turn.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.errors import ExecutorError

DECISIONS = ("approve", "edit", "reject", "respond")
MESSAGES = {"reject": "", "respond": None}  # which decisions hold one, and what stands for one that is left out


@dataclass(frozen=True)
class Question:
    """A question in its latest turn; `asked` is the interrupt as people are told of it, None where it is unknown."""

    id: str
    turn: int = 1
    asked: Mapping[str, Any] | None = None
    answered: bool = False
    answer: Any = None


class NotAsked(ExecutorError):
    """The job does not ask that, or not any more."""


class WrongAnswer(ExecutorError):
    """The answer cannot be right; `field` says where."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


def chosen(given: Any, questions: Sequence[Question]) -> dict[str, Any]:
    """The new answers by the ids of their questions, none where all were given before; raises NotAsked or WrongAnswer.

    An answer is given by its question's id (`{ID: ANSWER, ...}`) or, where one question is open, plainly.
    """
    known = {question.id: question for question in questions}
    if isinstance(given, dict) and given and given.keys() & known.keys():
        return {each: answer for each, answer in given.items() if _is_new(each, answer, known)}
    unanswered = [question for question in questions if not question.answered]
    if not unanswered:
        raise NotAsked("no question of it is open")
    if len(unanswered) > 1:
        ids = ", ".join(question.id for question in unanswered)
        raise WrongAnswer("resume", f"several questions are open; answer by their ids: {ids}")
    _check(given, unanswered[0], "resume")
    return {unanswered[0].id: given}


def _is_new(each: str, answer: Any, known: Mapping[str, Question]) -> bool:
    question = known.get(each)
    if question is None:
        raise WrongAnswer(f"resume.{each}", "is no question of this job")
    if question.answered:
        if question.answer != answer:
            raise NotAsked(f"question {each} has been answered already")
        return False
    _check(answer, question, f"resume.{each}")
    return True


def _check(answer: Any, question: Question, where: str) -> None:
    """Raise WrongAnswer where the question says what it wants and this is not it."""
    asked = question.asked or {}
    value, schema = asked.get("value"), asked.get("response_schema")
    if isinstance(value, dict) and isinstance(value.get("review_configs"), list):
        problem = next(_decision_problems(answer, value), None)
    elif isinstance(schema, dict):
        problem = _schema_problem(answer, schema)
    else:
        return
    if problem is not None:
        path, words = problem
        raise WrongAnswer(where + path, words)


def _decision_problems(answer: Any, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with an answer to LangChain's form of approval: where, and what."""
    actions = value.get("action_requests")
    actions = actions if isinstance(actions, list) else []
    decisions = answer.get("decisions") if isinstance(answer, dict) else None
    if not isinstance(decisions, list):
        yield "", 'must be {"decisions": [{"type": ...}, ...]}'
    elif len(decisions) != len(actions):
        yield ".decisions", f"must hold one decision for each of the {len(actions)} actions, in their order"
    else:
        allowed = {review.get("action_name"): review.get("allowed_decisions") for review in value["review_configs"]}
        for index, (decision, action) in enumerate(zip(decisions, actions, strict=True)):
            for path, words in _problems_of(decision, allowed.get(action.get("name")) or DECISIONS):
                yield f".decisions[{index}]{path}", words


def _problems_of(decision: Any, allowed: Sequence[str]) -> Iterator[tuple[str, str]]:
    kind = decision.get("type") if isinstance(decision, dict) else None
    if not isinstance(decision, dict):
        yield "", "must be an object"
    elif kind not in allowed:
        yield ".type", f"must be {' or '.join(map(repr, allowed))}"
    elif kind == "edit":
        yield from _edit_problems(decision.get("edited_action"))
    elif kind in MESSAGES and not isinstance(decision.get("message", MESSAGES[kind]), str):
        yield ".message", "must be a string"


def _edit_problems(edited: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(edited, dict):
        yield ".edited_action", "must be an object"
    elif not isinstance(edited.get("name"), str):
        yield ".edited_action.name", "must be a string"
    elif not isinstance(edited.get("args"), dict):
        yield ".edited_action.args", "must be an object"


def _schema_problem(answer: Any, schema: Mapping[str, Any]) -> tuple[str, str] | None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - few questions have a schema
    from jsonschema.exceptions import best_match  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415 - an empty one: nothing is fetched for a schema

    try:
        error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(answer))
    except Exception:  # noqa: BLE001 - a graph's schema may be anything: then only the graph can know
        return None
    return None if error is None else (error.json_path.removeprefix("$"), error.message)
