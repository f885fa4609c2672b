"""What a job asks people, in words, and the command that answers it. Pure."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST = 300


def told(job: Mapping[str, Any]) -> Iterator[str]:
    """The lines that a person reads of an interrupted job; none of any other."""
    asked = (job.get("result") or job).get("interrupts") or []
    if job.get("status") != "interrupted" or not asked:
        return
    error = (job.get("result") or {}).get("error")
    if error:
        yield f"The answer was not taken: {error['message']}"
    yield from (line for question in asked for line in _question(question, alone=len(asked) == 1))
    yield "Answer with"
    yield f"  agent-executor jobs resume {shlex.quote(job['job_id'])} {shlex.quote(json.dumps(_answer(asked)))}"


def _question(question: Mapping[str, Any], *, alone: bool) -> Iterator[str]:
    yield "It asks:" if alone else f"It asks, as {question['id']}:"
    value = question.get("value")
    for action, allowed in _actions(value):
        yield f"  may {action['name']}({_short(action.get('args'))}) be called? {' or '.join(allowed)}"
    if not _actions(value):
        yield f"  {_short(value)}"


def _answer(asked: Sequence[Mapping[str, Any]]) -> Any:
    answers = {question["id"]: _example(question) for question in asked}
    return answers if len(answers) > 1 else next(iter(answers.values()))


def _example(question: Mapping[str, Any]) -> Any:
    actions = _actions(question.get("value"))
    return {"decisions": [{"type": allowed[0]} for _, allowed in actions]} if actions else "YOUR ANSWER"


def _actions(value: Any) -> list[tuple[Mapping[str, Any], Sequence[str]]]:
    """The calls of tools that LangChain's form of approval is about, each with the decisions that it allows."""
    if not isinstance(value, dict) or not isinstance(value.get("review_configs"), list):
        return []
    allowed = {review["action_name"]: review["allowed_decisions"] for review in value["review_configs"]}
    return [(action, allowed.get(action["name"]) or ["approve"]) for action in value.get("action_requests") or ()]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
