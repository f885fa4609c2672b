"""Which Crossplane calls, what follows from it, and what is refused because of it."""

import pytest

from function.crossplane import options, worlds
from function.crossplane.options import InvalidInput, Options
from function.crossplane.targets import NATIVE, Objects
from function.crossplane.worlds import Caller, World

NAMESPACED = Caller("support", "team-a")
CLAIM = Caller("support-x7k2p", claim=("support", "team-a"))
NEW_CLAIM = Caller("support-x7k2p", claim=("support", "team-a"), says_what_it_can=True)
WRAPPED = Objects("support-x7k2p")

NOTHING_SAID, SAYS_NATIVE, SAYS_OBJECTS = (
    options.parse({"apiVersion": options.API_VERSION, "kind": options.KIND, **said})
    for said in ({}, {"compose": "Native"}, {"compose": "Objects"})
)


@pytest.mark.parametrize(
    ("caller", "said", "world"),
    [
        (NAMESPACED, NOTHING_SAID, World("support", "team-a")),
        (NAMESPACED, SAYS_NATIVE, World("support", "team-a")),
        (CLAIM, SAYS_OBJECTS, World("support", "team-a", WRAPPED, legacy=True, extra=True)),
        (CLAIM, SAYS_NATIVE, World("support", "team-a", legacy=True)),
        (NEW_CLAIM, SAYS_OBJECTS, World("support", "team-a", WRAPPED, legacy=True)),
        (NEW_CLAIM, SAYS_NATIVE, World("support", "team-a", legacy=True)),
        (NEW_CLAIM, NOTHING_SAID, World("support", "team-a", legacy=True)),
    ],
)
def test_what_crossplane_shows_and_what_the_composition_says_make_the_world(
    caller: Caller, said: Options, world: World
) -> None:
    assert worlds.decide(caller, said) == world


@pytest.mark.parametrize(
    ("caller", "said", "words"),
    [
        (NAMESPACED, SAYS_OBJECTS, "must be Native for a composite in a namespace; Objects are for claims"),
        (CLAIM, NOTHING_SAID, "is required: Objects on Crossplane 1.x, Native on 2.0 and 2.1"),
    ],
)
def test_an_input_that_does_not_fit_or_that_is_missed_is_refused(caller: Caller, said: Options, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        worlds.decide(caller, said)
    assert str(caught.value) == f"input.compose: {words}"


def test_secrets_are_shown_where_what_is_asked_for_may_have_a_namespace_and_is_answered() -> None:
    assert World("a", "b").shows_secrets
    assert not World("a", "b", extra=True).shows_secrets
    assert not World("a", "b", answers=False).shows_secrets


@pytest.mark.parametrize(
    ("world", "words"),
    [
        (World("a", "b", NATIVE), "must stay Objects until spec.deletionPolicy is Orphan in each of one, two"),
        (World("a", "b", WRAPPED), "must stay Native, Objects would be made after the deletion of one, two"),
    ],
)
def test_an_input_by_which_what_runs_would_be_deleted_is_refused(world: World, words: str) -> None:
    worlds.refuse_to_lose(world, [])
    with pytest.raises(InvalidInput) as caught:
        worlds.refuse_to_lose(world, ["two", "one"])
    assert str(caught.value) == f"input.compose: {words}"
