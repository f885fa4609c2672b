"""What people do with questions, under any seed."""

from itertools import count
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.answers import acts
from tests.chaos.jobs import said, word
from tests.chaos.people import People

JOB = "chaos-1-1"
SEEDS = st.integers(0, 10_000)


def branches(names):
    return [{"id": name, "value": {"ask": name}} for name in names]


def approval(*paths):
    requests = [{"name": "write_file", "args": {"file_path": path, "content": "x"}} for path in paths]
    return [{"id": "q", "value": {"action_requests": requests}}]


def done(seed, questions):
    return list(acts(Random(seed), JOB, questions, count(100)))  # noqa: S311 - makes answers, guards nothing


@given(SEEDS, st.integers(1, 3))
def test_each_question_gets_one_right_answer_and_a_word_of_its_own(seed, number):
    right = [act for act in done(seed, branches("xyz"[:number])) if act.kind == "right"]
    words = [each for act in right for each in act.words]
    assert sorted(question for act in right for question in act.questions) == list("xyz"[:number])
    assert len(set(words)) == len(words) == number


@given(SEEDS)
def test_answers_are_late_after_the_right_one_and_all_others_come_before_it(seed):
    settled: set[str] = set()
    for act in done(seed, branches("xyz")):
        assert settled.intersection(act.questions) == (set(act.questions) if act.kind == "late" else set())
        settled |= set(act.questions) if act.kind == "right" else set()


@given(SEEDS)
def test_each_of_an_approvals_calls_gets_its_decision(seed):
    [right] = [act for act in done(seed, approval(f"/{word(JOB, 0)}", f"/{word(JOB, 1)}")) if act.kind == "right"]
    answer = right.resume.get("q", right.resume)
    assert len(answer["decisions"]) == len(right.words) == 2


def test_an_event_is_heard_once_however_often_it_comes():
    people = People([1], Random(1))  # noqa: S311 - the same
    event = {"id": "1", "subject": JOB, "data": {"interrupts": branches("x")}}
    for each in (event, event, event | {"id": "2"}):
        people.hear(each)
    assert people._told[JOB].qsize() == 2


def test_words_are_read_once_for_each_tool_and_each_answer_of_the_job_alone():
    mine, other = word(JOB, 1), word("chaos-1-11", 1)
    tools = [{"type": "tool", "data": {"content": f"{text} and again {text}"}} for text in (mine, other)]
    human = {"type": "human", "data": {"content": mine}}
    assert said({"messages": [human, *tools], "done": [word(JOB, 2)]}, JOB) == (mine, word(JOB, 2))
