"""The same claims on Crossplane v1: the same resources, each in an Object, whichever version asks and renders."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.crossplane.targets import ASKED
from tests.golden.conftest import EXPECTED, NEWEST, OLDER, Compare, Validate
from tests.golden.test_golden import CASES, CLAIM, CLAIMS, EXAMPLES, ROLLING
from tools import direct
from tools.crossplanes import CROSSPLANES, V1, V1_NATIVE, Package
from tools.rendering import Document, World, grow, render

# The first test on a fresh machine may build the tools.
pytestmark = pytest.mark.timeout(func_only=True)

EVERYTHING = EXAMPLES / "everything.yaml"
RENDERED: dict[str, tuple[Path, World, Package]] = {
    "claim": (CLAIM, World(), V1),
    "everything": (EVERYTHING, World(), V1),
    "longest-names": (CLAIMS / "longest-names.yaml", World(), V1),
    "nothing-observed": (CLAIM, World(calls=1), V1),
    "not-applied": (CLAIM, World(refusals={"Job": 'jobs.batch is forbidden: User "provider" cannot create it'}), V1),
    "deployment-rolling": (CLAIM, World({"Deployment": ROLLING}), V1),
    "native": (CLAIM, World(), V1_NATIVE),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_claim_renders_as_its_golden_file_and_is_valid(
    name: str, function_address: str, validate: Validate, golden: Compare
) -> None:
    claim, world, package = RENDERED[name]
    crossplane = CROSSPLANES["2.3, Objects" if package is V1 else "2.3, claim"]
    grown = direct.grow(claim, function_address, world, crossplane)
    observed = [world.observe(document) for document in grown[1:]] if world.calls > 1 else []
    documents = render(claim, function_address, observed, world, package)
    golden(f"v1/{name}", documents)
    checked = validate(documents, xrd=package.xrd)
    assert checked.returncode == 0, checked.stdout


def test_render_alone_grows_the_same_as_the_function_asked_directly(function_address: str, golden: Compare) -> None:
    golden("v1/claim", grow(CLAIM, function_address, call=partial(render, package=V1)))


@pytest.mark.parametrize("name", sorted({*CASES} - {"longest-names"}))
def test_what_objects_hold_is_what_is_composed_without_them(name: str, function_address: str) -> None:
    claim, world = CASES[name]
    native = direct.grow(claim, function_address, world)
    wrapped = direct.grow(claim, function_address, world, CROSSPLANES["2.3, Objects"])
    assert held(wrapped) == held(native)
    assert wrapped[0]["status"]["conditions"] == native[0]["status"]["conditions"]


@pytest.mark.parametrize("version", CROSSPLANES)
def test_every_version_ends_ready_with_the_same_resources(
    version: str, function_address: str, validate: Validate
) -> None:
    crossplane = CROSSPLANES[version]
    composite, *documents = direct.grow(EVERYTHING, function_address, crossplane=crossplane)
    assert held(documents) == held(direct.grow(EVERYTHING, function_address)[1:])
    assert {"type": "Ready", "status": "True"} in composite["status"]["conditions"]
    projects = NEWEST if crossplane.watches else (*NEWEST[:-1], OLDER[-1])
    checked = validate([claim_of(EVERYTHING), *documents], projects, crossplane.package.xrd)
    assert checked.returncode == 0, checked.stdout


def test_on_1_16_the_status_says_what_the_conditions_say_elsewhere(function_address: str) -> None:
    without_keda = World(without=frozenset({"scaledobjects.keda.sh"}))
    status = direct.grow(CLAIM, function_address, without_keda, CROSSPLANES["1.16"])[0]["status"]
    assert status == {
        "conditions": [{"type": "Ready", "status": "True"}],
        "endpoint": "http://agent-executor.intelligence-deepagents.svc:8080",
        "image": "ghcr.io/arun4infra/agent-executor:v1.0.0",
        "progress": {
            "deployed": {"status": "True", "reason": "Available", "message": ""},
            "scaling": {
                "status": "False",
                "reason": "KedaNotInstalled",
                "message": "The cluster has no scaledobjects.keda.sh; the service runs with one replica",
            },
            "secretsReady": {
                "status": "Unknown",
                "reason": "NotChecked",
                "message": "The function is shown no Secrets; the events of the pods name one that is missing",
            },
            "streamsReady": {"status": "True", "reason": "Completed", "message": ""},
        },
        "replicas": 1,
        "streams": {
            "jobs": "AGENT_EXECUTION",
            "status": "AGENT_STATUS",
            "deadLetters": "AGENT_DLQ",
            "consumer": "agent-executor-workers",
        },
        "waitingFor": [],
    }


def test_the_schema_of_v1_takes_the_claims_that_the_schema_of_v2_takes(validate: Validate) -> None:
    claims = [claim_of(path) for path, world in CASES.values() if world.calls > 1]
    for xrd in (V1.xrd, CROSSPLANES["2.3"].package.xrd):
        checked = validate(claims, xrd=xrd)
        assert checked.returncode == 0, checked.stdout


def test_every_golden_file_of_v1_belongs_to_a_case() -> None:
    assert {path.stem for path in (EXPECTED / "v1").glob("*.yaml")} == set(RENDERED)


def held(documents: list[Document]) -> list[Document]:
    """The resources themselves, as the cluster would get them."""
    found = (
        document["spec"]["forProvider"]["manifest"] if document["kind"] == "Object" else document
        for document in documents
        if document["kind"] not in {"AgentExecutor", "XAgentExecutor"}
    )
    return sorted(map(plain, found), key=lambda it: (str(it["kind"]), str(it["metadata"]["name"])))


def plain(manifest: Document) -> dict[str, Any]:
    """A manifest without what Crossplane or the function notes on it for itself."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in {"annotations", "finalizers"}}
    noted = (ASKED, "crossplane.io/composition-resource-name")
    kept = {key: value for key, value in manifest["metadata"].get("annotations", {}).items() if key not in noted}
    return {**manifest, "metadata": metadata | ({"annotations": kept} if kept else {})}


def claim_of(path: Path) -> Document:
    claim: Document = yaml.safe_load(path.read_text())
    return claim
