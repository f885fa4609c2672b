"""Any claim that the schema takes, in a cluster that shows whatever it likes."""

import os
import re
import subprocess
import sys
from typing import Any

from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st

from function.composition.compose import STEPS
from function.fn import run
from tests.unit.function.claims import schema_claims
from tests.unit.function.simulation import SimulatedCluster, serialized

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
TEXT = st.sampled_from(["", "Ready", "True", "False", "Complete", "Progressing", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
CONDITION = st.fixed_dictionaries({"type": JSON, "status": JSON}, optional={"reason": JSON, "message": JSON})
STATUS = JSON | st.dictionaries(
    st.sampled_from(["replicas", "updatedReplicas", "availableReplicas", "observedGeneration", "failed"]), JSON
).flatmap(lambda counts: st.lists(CONDITION, max_size=2).map(lambda said: {**counts, "conditions": said}))
OBSERVED = JSON.filter(lambda it: isinstance(it, dict)) | st.fixed_dictionaries(
    {}, optional={"metadata": JSON, "spec": JSON, "status": STATUS}
)
KEYS = st.sampled_from([step.name for step in STEPS])


@settings(max_examples=80, deadline=None)
@given(spec=schema_claims(), objects=st.dictionaries(KEYS, OBSERVED, max_size=4), status=STATUS)
def test_a_call_is_answered_and_what_is_observed_is_kept(
    spec: dict[str, Any], objects: dict[str, Any], status: Any
) -> None:
    request = fnv1.RunFunctionRequest()
    metadata = {"name": "support", "namespace": "team-a"}
    request.observed.composite.resource.update({"metadata": metadata, "spec": spec, "status": status})
    for key, found in objects.items():
        request.observed.resources[key].resource.update(found)
    answer = run(request)
    refused = any(result.severity == fnv1.SEVERITY_FATAL for result in answer.results)
    composed = {key: MessageToDict(it.resource) for key, it in answer.desired.resources.items()}
    assert bool(composed) is not refused
    assert all(NAME.fullmatch(manifest["metadata"]["name"]) for manifest in composed.values())
    assert serialized(run(request)) == serialized(answer)


@settings(max_examples=40, deadline=None)
@given(required=st.dictionaries(st.sampled_from(["scaledobjects.keda.sh", "Secret/support-postgres"]), OBSERVED))
def test_whatever_is_shown_for_a_requirement_is_judged_by_what_it_has(required: dict[str, Any]) -> None:
    cluster = SimulatedCluster({"image": "app"})
    answer = run(cluster.request({name: [found] for name, found in required.items()}))
    assert {condition.type for condition in answer.conditions} == {
        "SecretsReady",
        "StreamsReady",
        "Deployed",
        "Scaling",
    }


def test_the_bytes_do_not_depend_on_the_seed_of_hashes() -> None:
    program = (
        "import hashlib; from tests.unit.function.simulation import SimulatedCluster, serialized\n"
        "store = {'name': 's', 'prefix': 'p'}\n"
        "cluster = SimulatedCluster({'image': 'a.b/app', 'imagePullSecrets': ['a', 'b'], 'secretStore': store})\n"
        "cluster.settle()\n"
        "print(hashlib.sha256(b''.join(map(serialized, cluster.history))).hexdigest())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1] != ""
