"""Every example, and worlds on the way there, as the real render and the real validation see them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden.conftest import EXPECTED, Compare, Validate
from tools.rendering import ROOT, RenderError, World, condition, grow, render

# The first test on a fresh machine may build the tools.
pytestmark = pytest.mark.timeout(func_only=True)

EXAMPLES = ROOT / "examples"
CLAIMS = Path(__file__).parent / "claims"
CLAIM = EXAMPLES / "claim.yaml"

FAILED = condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
STUCK = condition("Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "a" has timed out progressing.')
ROLLING = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}

CASES: dict[str, tuple[Path, World]] = {
    "claim": (CLAIM, World()),
    "minimal": (EXAMPLES / "minimal.yaml", World()),
    "tuned": (EXAMPLES / "tuned.yaml", World()),
    "longest-names": (CLAIMS / "longest-names.yaml", World()),
    "odd-name": (CLAIMS / "odd-name.yaml", World()),
    "nothing-observed": (CLAIM, World(calls=1)),
    "streams-running": (CLAIM, World({"Job": {"active": 1}})),
    "streams-failed": (CLAIM, World({"Job": FAILED})),
    "deployment-rolling": (CLAIM, World({"Deployment": ROLLING})),
    "deployment-stuck": (CLAIM, World({"Deployment": STUCK})),
    "scaler-starting": (CLAIM, World({"ScaledObject": {}})),
    "keda-missing": (CLAIM, World(keda=False)),
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown size": ({"size": "huge"}, "spec.size: must be 'micro', 'small', 'medium' or 'large'"),
    "empty image": ({"image": ""}, "spec.image: must not be empty"),
    "malformed image": ({"image": "Not An Image"}, "spec.image: must be an image such as"),
    "url of another protocol": ({"natsUrl": "http://nats.nats.svc:4222"}, "spec.natsUrl: must begin with nats://"),
    "url with credentials": ({"natsUrl": "nats://me:pw@nats.nats.svc"}, "spec.natsUrl: must not contain credentials"),
    "host without monitoring": ({"natsUrl": "nats://broker.example"}, "spec.scaling.monitoringEndpoint: is required"),
    "unknown field": ({"replicas": 3}, "spec.replicas: is not a known field"),
    "unknown field of a group": ({"scaling": {"max": 3}}, "spec.scaling.max: is not a known field"),
    "pull secret as an object": ({"imagePullSecrets": [{"name": "a"}]}, "spec.imagePullSecrets[0]: must be a string"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_world_renders_as_its_golden_file_and_is_valid(
    name: str, function_address: str, validate: Validate, golden: Compare
) -> None:
    claim, world = CASES[name]
    documents = grow(claim, function_address, world)
    golden(name, documents)
    checked = validate(documents)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_claim_is_fatal_in_words_that_name_the_field(name: str, function_address: str, tmp_path: Path) -> None:
    change, words = REFUSED[name]
    with pytest.raises(RenderError) as caught:
        render(bad_claim(change, tmp_path), function_address)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", REFUSED)
def test_the_schema_refuses_a_bad_claim_before_the_function_sees_it(
    name: str, validate: Validate, tmp_path: Path
) -> None:
    claim = yaml.safe_load(bad_claim(REFUSED[name][0], tmp_path).read_text())
    assert validate([claim]).returncode == 1


def test_every_example_has_a_case_and_every_golden_file_belongs_to_one() -> None:
    examples = {path.stem for path in EXAMPLES.glob("*.yaml")} - {"functions", "keda-installed"}
    assert examples <= set(CASES)
    assert {path.stem for path in EXPECTED.glob("*.yaml")} <= set(CASES)


def bad_claim(change: dict[str, Any], folder: Path) -> Path:
    claim = yaml.safe_load(CLAIM.read_text())
    path = folder / "bad.yaml"
    path.write_text(yaml.safe_dump({**claim, "spec": {**claim["spec"], **change}}))
    return path
