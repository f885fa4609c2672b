"""Every example, and worlds on the way there, as the real render and the real validation see them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden.conftest import EXPECTED, NEWEST, OLDER, Compare, Validate
from tools import direct
from tools.rendering import ROOT, RenderError, World, condition, grow, render

# The first test on a fresh machine may build the tools.
pytestmark = pytest.mark.timeout(func_only=True)

EXAMPLES = ROOT / "examples"
CLAIMS = Path(__file__).parent / "claims"
CLAIM = EXAMPLES / "claim.yaml"
NO_CLAIMS = {"functions", "operators-installed"}

FAILED = condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
STUCK = condition("Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "a" has timed out progressing.')
ROLLING = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}
UNSYNCED = condition("Ready", "False", "SecretSyncedError", "could not get secret data from provider")

KEDA = "scaledobjects.keda.sh"
EXTERNAL_SECRETS = "externalsecrets.external-secrets.io"
MONITORING = frozenset({"podmonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com"})
POSTGRES, PORT = "agent-executor-postgres", "agent-executor-dragonfly/DRAGONFLY_PORT"
MODEL_KEYS = frozenset(f"agent-executor-llm-keys/{key}" for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"))

CASES: dict[str, tuple[Path, World]] = {
    **{path.stem: (path, World()) for path in sorted(EXAMPLES.glob("*.yaml")) if path.stem not in NO_CLAIMS},
    **{path.stem: (path, World()) for path in sorted(CLAIMS.glob("*.yaml"))},
    "nothing-observed": (CLAIM, World(calls=1)),
    "secrets-missing": (CLAIM, World(without=frozenset({POSTGRES, PORT, "ghcr-pull-secret"} | MODEL_KEYS))),
    "secrets-unsynced": (EXAMPLES / "external-secrets.yaml", World({"ExternalSecret": UNSYNCED})),
    "external-secrets-missing": (
        EXAMPLES / "external-secrets.yaml",
        World(without=frozenset({EXTERNAL_SECRETS, "agent-executor-postgres"})),
    ),
    "streams-running": (CLAIM, World({"Job": {"active": 1}})),
    "streams-failed": (CLAIM, World({"Job": FAILED})),
    "deployment-rolling": (CLAIM, World({"Deployment": ROLLING})),
    "deployment-stuck": (CLAIM, World({"Deployment": STUCK})),
    "scaler-starting": (CLAIM, World({"ScaledObject": {}})),
    "keda-missing": (CLAIM, World(without=frozenset({KEDA}))),
    "no-operators": (CLAIM, World(without=frozenset({KEDA, *MONITORING}))),
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
    "drain with a replica that stays": ({"scaling": {"mode": "drain"}}, "spec.scaling: minReplicas must be 0"),
    "nowhere to go": ({"network": {"egress": "Restricted"}}, "spec.network: targets are required"),
    "variable of the function": (
        {"pod": {"env": [{"name": "NATS_URL", "value": "a"}]}},
        "spec.pod.env[0]: this variable is set from other fields of the claim",
    ),
    "toleration of nothing": ({"pod": {"tolerations": [{}]}}, "spec.pod.tolerations[0]: without a key"),
    "an issuer without keys": (
        {"auth": {"issuers": [{"issuer": "https://login.example", "audience": "a"}]}},
        "spec.auth.issuers[0]: exactly one of jwksUrl and jwksConfigMap is required",
    ),
    "pull secret as an object": ({"imagePullSecrets": [{"name": "a"}]}, "spec.imagePullSecrets[0]: must be a string"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_world_renders_as_its_golden_file_and_is_valid(
    name: str, function_address: str, validate: Validate, golden: Compare
) -> None:
    claim, world = CASES[name]
    grown = direct.grow(claim, function_address, world)
    observed = [world.observe(document) for document in grown[1:]] if world.calls > 1 else []
    documents = render(claim, function_address, observed, world)
    golden(name, documents)
    checked = validate(documents, OLDER if "v1beta1" in name else NEWEST)
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


def test_render_alone_grows_the_same_as_the_function_asked_directly(function_address: str, golden: Compare) -> None:
    golden("claim", grow(CLAIM, function_address))


def test_every_golden_file_belongs_to_a_case() -> None:
    assert {path.stem for path in EXPECTED.glob("*.yaml")} == set(CASES)


def bad_claim(change: dict[str, Any], folder: Path) -> Path:
    claim = yaml.safe_load(CLAIM.read_text())
    path = folder / "bad.yaml"
    path.write_text(yaml.safe_dump({**claim, "spec": {**claim["spec"], **change}}))
    return path
