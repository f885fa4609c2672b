"""Which question an answer is to, and whether it can be right."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.jobs.answers import NotAsked, Question, WrongAnswer, chosen

REVIEW = {"action_name": "write_file", "allowed_decisions": ["approve", "edit", "reject", "respond"]}
APPROVAL = {"action_requests": [{"name": "write_file", "args": {}}], "review_configs": [REVIEW]}
TWO = {
    "action_requests": [{"name": "write_file", "args": {}}, {"name": "run", "args": {}}],
    "review_configs": [REVIEW, {"action_name": "run", "allowed_decisions": ["approve"]}],
}
SCHEMA = {"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"]}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text().filter(lambda key: key != "q"), inner, max_size=3)
    ),
)  # by the question's id `q` would be another form of answer


def asks(value="sure?", question_id="q", *, schema=None, **more):
    return Question(question_id, asked={"id": question_id, "value": value, "response_schema": schema}, **more)


@given(answer=ANY)
def test_a_question_that_says_nothing_of_its_answers_takes_any(answer):
    assert chosen(answer, [asks()]) == {"q": answer}


def test_answers_are_given_by_id_where_there_are_several():
    questions = [asks(question_id="q"), asks(question_id="r")]
    assert chosen({"q": 1}, questions) == {"q": 1}
    assert chosen({"q": 1, "r": None}, questions) == {"q": 1, "r": None}
    for plain in ("yes", {"s": 1}, {}, None):
        with pytest.raises(WrongAnswer, match="resume: several questions are open; answer by their ids: q, r"):
            chosen(plain, questions)
    with pytest.raises(WrongAnswer, match=r"resume\.s: is no question of this job"):
        chosen({"q": 1, "s": 1}, questions)


def test_one_that_was_answered_is_answered_once():
    questions = [asks(question_id="q", answered=True, answer="yes"), asks(question_id="r")]
    assert chosen({"q": "yes"}, questions) == {}
    assert chosen({"q": "yes", "r": 1}, questions) == {"r": 1}
    assert chosen("plain", questions) == {"r": "plain"}
    with pytest.raises(NotAsked, match="question q has been answered already"):
        chosen({"q": "no"}, questions)
    with pytest.raises(NotAsked):
        chosen("late", questions[:1])


@pytest.mark.parametrize(
    "decision",
    [
        {"type": "approve"},
        {"type": "reject"},
        {"type": "reject", "message": "no"},
        {"type": "respond", "message": "done"},
        {"type": "edit", "edited_action": {"name": "write_file", "args": {}}},
    ],
)
def test_an_approval_takes_what_its_form_allows(decision):
    assert chosen({"decisions": [decision]}, [asks(APPROVAL)]) == {"q": {"decisions": [decision]}}


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ([], "resume"),
        (None, "resume"),
        ("approve", "resume"),
        ([{"type": "accept"}], "resume"),
        ({"type": "approve"}, "resume"),
        ({"decisions": "approve"}, "resume"),
        ({"decisions": []}, "resume.decisions"),
        ({"decisions": [{"type": "approve"}] * 2}, "resume.decisions"),
        ({"decisions": ["approve"]}, "resume.decisions[0]"),
        ({"decisions": [{"type": "aprove"}]}, "resume.decisions[0].type"),
        ({"decisions": [{}]}, "resume.decisions[0].type"),
        ({"decisions": [{"type": ["approve"]}]}, "resume.decisions[0].type"),
        ({"decisions": [{"type": "respond"}]}, "resume.decisions[0].message"),
        ({"decisions": [{"type": "reject", "message": 1}]}, "resume.decisions[0].message"),
        ({"decisions": [{"type": "edit"}]}, "resume.decisions[0].edited_action"),
        ({"decisions": [{"type": "edit", "edited_action": {"args": {}}}]}, "resume.decisions[0].edited_action.name"),
        (
            {"decisions": [{"type": "edit", "edited_action": {"name": "x", "args": []}}]},
            "resume.decisions[0].edited_action.args",
        ),
    ],
)
def test_an_approval_that_cannot_be_right_is_refused_with_its_field(answer, field):
    with pytest.raises(WrongAnswer) as refused:
        chosen(answer, [asks(APPROVAL)])
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


def test_each_action_allows_its_own_decisions():
    with pytest.raises(WrongAnswer, match=r"resume\.decisions\[1\]\.type: must be 'approve'"):
        chosen({"decisions": [{"type": "reject"}, {"type": "reject"}]}, [asks(TWO)])


def test_a_schema_says_what_an_answer_lacks():
    assert chosen({"date": "tomorrow"}, [asks(schema=SCHEMA)]) == {"q": {"date": "tomorrow"}}
    with pytest.raises(WrongAnswer) as refused:
        chosen({"date": 7}, [asks(schema=SCHEMA)])
    assert (refused.value.field, str(refused.value)) == ("resume.date", "resume.date: 7 is not of type 'string'")


@pytest.mark.parametrize("schema", [{"type": 7}, {"$ref": "https://example.com/x"}, {"pattern": "("}, {"$ref": "#"}])
def test_a_schema_that_is_none_leaves_the_answer_to_the_graph(schema):
    assert chosen("yes", [asks(schema=schema)]) == {"q": "yes"}


@given(answer=ANY, value=ANY | st.just(APPROVAL), schema=st.none() | st.just(SCHEMA) | st.dictionaries(st.text(), ANY))
def test_whatever_is_answered_to_whatever_question_is_taken_or_refused(answer, value, schema):
    try:
        taken = chosen(answer, [asks(value, schema=schema)])
    except (WrongAnswer, NotAsked) as refused:
        json.dumps(str(refused))
    else:
        assert taken in ({"q": answer}, {"q": answer["q"]} if isinstance(answer, dict) and "q" in answer else None)
