"""A file's text becomes a JSON object, or is refused with the place that is wrong."""

import contextlib

import pytest

from executor.agents import documents

PROMPT = """
# Prompts live in git.
model: &model {provider: openai, model: gpt-4.1-mini}
nodes:
  - id: a
    config:
      model: *model
      system_prompt: |
        Be brief.
        Be kind.
"""


def wrong(text, *, is_yaml=True):
    with pytest.raises(documents.NoDocument) as caught:
        documents.parse(text, is_yaml=is_yaml)
    return str(caught.value)


def test_yaml_is_the_json_that_it_stands_for():
    model = {"provider": "openai", "model": "gpt-4.1-mini"}
    config = {"model": model, "system_prompt": "Be brief.\nBe kind.\n"}
    assert documents.parse(PROMPT, is_yaml=True) == {"model": model, "nodes": [{"id": "a", "config": config}]}


def test_json_is_json_also_where_yaml_would_read_it_otherwise():
    assert documents.parse('{"a": "2026-01-02", "b": [1, 2.5, null, true]}', is_yaml=False) == {
        "a": "2026-01-02",
        "b": [1, 2.5, None, True],
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nodes: [{since: 2026-01-02}]", "nodes[0].since: is a date, which JSON has not: a text stands in quotes"),
        ("at: 2026-01-02 03:04:05", "at: is a datetime, which JSON has not: a text stands in quotes"),
        ("a: {b: !!binary aGk=}", "a.b: is a bytes, which JSON has not: a text stands in quotes"),
        ("a: [!!set {x, y}]", "a[0]: is a set, which JSON has not: a text stands in quotes"),
        ("a: [.nan]", "a[0]: is not a finite number"),
        ("a: -.inf", "a: is not a finite number"),
        ("a: 99999999999999999999", "a: is too large a number"),
        ("a: {on: yes}", "a: True is a key: only a text may be one, and some stand in quotes"),
        ("a: {1: b}", "a: 1 is a key: only a text may be one, and some stand in quotes"),
        ("on: yes", "True is a key: only a text may be one, and some stand in quotes"),
        ('a: "\\0"', "a: holds a NUL character"),
        ('"a\\0": 1', "'a\\x00' is a key: holds a NUL character"),
        ("- a", "is not an object"),
        ("", "is not an object"),
        ("a: [", "is not YAML: line 2: did not find expected node content"),
        ("a: 1\n---\nb: 2", "is not YAML: line 2: but found another document"),
        ("a: !!python/object:os.system x", "is not YAML: line 1: could not determine a constructor for the tag"),
        ("a: 2026-13-45", "is not YAML: month must be in 1..12"),
        ("a: \0", "is not YAML: "),
    ],
)
def test_what_yaml_has_and_json_has_not_is_refused_with_its_path(text, complaint):
    assert wrong(text).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": NaN}', "a: is not a finite number"),
        ('{"a": "\\ud800"}', "a: holds half of a surrogate pair"),
        ("[]", "is not an object"),
        ('{"a": }', "is not JSON: Expecting value: line 1 column 7"),
        ('{"a":' + "[" * 100_000, "is nested too deeply"),
    ],
)
def test_json_that_cannot_be_kept_is_refused(text, complaint):
    assert wrong(text, is_yaml=False).startswith(complaint)


def test_aliases_that_lead_back_or_grow_without_end_are_refused():
    laughs = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
    for text in (
        "a: &a [*a]",
        "a: &a {b: *a}",
        f"l0: &l0 [lol]\n{laughs}",
        f"a: &a {'x' * 500_000}\nb: [{'*a, ' * 9}]",
    ):
        assert "is nested too deeply, or more than 4194304 characters with its aliases written out" in wrong(text)


@pytest.mark.parametrize("tag", ["int", "float", "bool", "timestamp", "binary", "null", "omap", "merge", "map", "seq"])
@pytest.mark.parametrize("value", ["''", "x", "é", "[]", "{x: 1}"])
def test_values_that_their_tags_do_not_fit_break_nothing(tag, value):
    for text in (f"a: !!{tag} {value}", f"!!{tag} {value}: a", f"<<: !!{tag} {value}"):
        with contextlib.suppress(documents.NoDocument):
            documents.parse(text, is_yaml=True)


def test_deep_nesting_breaks_nothing():
    for text in ("[" * 500_000, "- " * 500_000, "a: {" * 1000):
        assert wrong(text).startswith("is not YAML: ")
