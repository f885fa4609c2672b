"""The claim, read out of a request and remembered."""

from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.claim.xr import Agent, InvalidClaim, parse
from function.crossplane import request, worlds
from function.crossplane.worlds import World
from function.fn import run
from tests.unit.function.simulation import SimulatedCluster, serialized
from tests.unit.function.test_settling import SPECS
from tools.crossplanes import CROSSPLANES

WORLD = World("support", "team-a")
APP = {"image": "app"}


@pytest.mark.parametrize(("legacy", "machinery"), [(False, {"crossplane"}), (True, worlds.LEGACY_MACHINERY)])
def test_what_crossplane_keeps_in_the_spec_is_not_the_tenants(machinery: set[str], *, legacy: bool) -> None:
    world = World("support", "team-a", legacy=legacy)
    assert read({"image": "app", **dict.fromkeys(machinery, "kept")}, world) == parse("support", "team-a", APP)
    theirs = {"claimRef", "crossplane"} - machinery
    with pytest.raises(InvalidClaim) as caught:
        read({"image": "app", "claimRef": {}, "crossplane": {}}, world)
    assert str(caught.value) == f"spec.{theirs.pop()}: is not a known field"


@pytest.mark.parametrize("spec", [None, "no object", ["a"]])
def test_a_spec_that_is_no_object_is_refused(spec: object) -> None:
    with pytest.raises(InvalidClaim, match="spec: must be an object"):
        read(spec, WORLD)


def test_a_claim_is_the_same_value_while_only_what_crossplane_keeps_in_it_changes() -> None:
    once = read({"image": "app", "crossplane": {"resourceRefs": []}}, WORLD)
    assert read({"crossplane": {"resourceRefs": ["a"]}, "image": "app"}, WORLD) is once
    assert read({"image": "other"}, WORLD) != once
    assert read({"image": "app"}, World("other", "team-a")).name == "other"


def test_a_spec_beyond_the_bound_is_read_anew_each_time() -> None:
    large = {"image": "app", "pod": {"annotations": {f"a{n}": "x" * 4096 for n in range(5)}}}
    assert read(large, WORLD) == read(large, WORLD)
    assert read(large, WORLD) is not read(large, WORLD)


@pytest.mark.parametrize("version", ["1.16", "2.3"])
@pytest.mark.parametrize("spec", SPECS)
def test_what_is_remembered_changes_no_byte_of_an_answer(spec: str, version: str) -> None:
    """Through all that a claim goes through, with an operator that comes late."""
    cluster = SimulatedCluster(SPECS[spec], CROSSPLANES[version])
    operators, cluster.definitions = cluster.definitions, set()
    for call in range(12):
        cluster.definitions |= operators if call > 5 else set()
        cluster.reconcile()
        asked = cluster.request({})
        remembered = serialized(run(asked))
        request._remembered.cache_clear()
        assert serialized(run(asked)) == remembered
        cluster.tick()


def read(spec: Any, world: World) -> Agent:
    asked = fnv1.RunFunctionRequest()
    asked.observed.composite.resource.update({"spec": spec})
    return request.read_agent(asked, world)
