"""When each kind is ready, and what is said where it is not."""

from typing import Any

import pytest

from function.composition.observed import Observed
from function.composition.readiness import Verdict, judge

READY_JOB = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED_JOB = {"conditions": [{"type": "Failed", "status": "True", "message": "no luck"}], "failed": 21}
STUCK = {
    "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}]
}
SERVES = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 1}
ONCE = {"conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}
NO_QUOTA = {"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]}
NO_TRIGGER = {"conditions": [{"type": "Ready", "status": "False", "reason": "TriggerError", "message": "no trigger"}]}

SYNCED = {"conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced"}]}
UNSYNCED = {
    "conditions": [{"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": "no such key"}]
}

ROLLING_OUT = Verdict(ready=False, reason="RollingOut", message="The Deployment x is rolling out")


@pytest.mark.parametrize(
    ("kind", "observed", "verdict"),
    [
        ("Job", None, Verdict(ready=False, reason="Creating", message="The Job is being created")),
        ("Service", Observed("x"), Verdict(ready=True, reason="Created")),
        ("Job", Observed("x"), Verdict(ready=False, reason="Running", message="The Job x is not complete")),
        ("Job", Observed("x", status=READY_JOB), Verdict(ready=True, reason="Completed")),
        (
            "Job",
            Observed("x", status={"failed": 2}),
            Verdict(ready=False, reason="Retrying", message="The Job x failed and is tried again; its log says why"),
        ),
        (
            "Job",
            Observed("x", status=FAILED_JOB),
            Verdict(
                ready=False,
                reason="Failed",
                message="The Job x failed: no luck; its log says why. To try again, delete it",
            ),
        ),
        ("Deployment", Observed("x", generation=1), ROLLING_OUT),
        ("Deployment", Observed("x", generation=3, replicas=3, status=SERVES), ROLLING_OUT),
        ("Deployment", Observed("x", generation=2, replicas=3, status=SERVES), Verdict(ready=True, reason="Available")),
        ("Deployment", Observed("x", generation=2, replicas=3, status={**SERVES, "replicas": 4}), ROLLING_OUT),
        ("Deployment", Observed("x", generation=2, replicas=3, status={**SERVES, "availableReplicas": 0}), ROLLING_OUT),
        (
            "Deployment",
            Observed("x", generation=2, replicas=0, status={"observedGeneration": 2}),
            Verdict(ready=True, reason="Available"),
        ),
        (
            "Deployment",
            Observed("x", generation=2, replicas=3, status={**SERVES, **STUCK}),
            Verdict(ready=False, reason="ProgressDeadlineExceeded", message="late"),
        ),
        (
            "Deployment",
            Observed("x", generation=2, replicas=3, status={**SERVES, **ONCE, "availableReplicas": 0}),
            Verdict(
                ready=False,
                reason="Unavailable",
                message="No pod of the Deployment x serves; the pods' events and logs say why",
            ),
        ),
        (
            "Deployment",
            Observed("x", generation=2, replicas=3, status={**NO_QUOTA, "observedGeneration": 2}),
            Verdict(ready=False, reason="FailedCreate", message="quota"),
        ),
        ("ExternalSecret", Observed("x", status=SYNCED), Verdict(ready=True, reason="SecretSynced")),
        (
            "ExternalSecret",
            Observed("x"),
            Verdict(
                ready=False, reason="Syncing", message="The ExternalSecret x: External Secrets has not taken it up"
            ),
        ),
        (
            "ExternalSecret",
            Observed("x", status=UNSYNCED),
            Verdict(ready=False, reason="SecretSyncedError", message="The ExternalSecret x: no such key"),
        ),
        (
            "ScaledObject",
            Observed("x"),
            Verdict(ready=False, reason="Starting", message="KEDA has not taken up the ScaledObject x"),
        ),
        (
            "ScaledObject",
            Observed("x", status=NO_TRIGGER),
            Verdict(ready=False, reason="TriggerError", message="no trigger"),
        ),
        (
            "ScaledObject",
            Observed("x", status={"conditions": [{"type": "Ready", "status": "True"}]}),
            Verdict(ready=True, reason="Ready"),
        ),
    ],
)
def test_each_kind_has_its_own_idea_of_ready(kind: str, observed: Observed | None, verdict: Verdict) -> None:
    assert judge(kind, observed) == verdict


@pytest.mark.parametrize("wanted", [1, 5])
def test_a_changed_number_of_replicas_is_no_rollout(wanted: int) -> None:
    unseen = Observed("x", generation=3, replicas=wanted, status=SERVES)
    assert judge("Deployment", unseen) == Verdict(ready=True, reason="Available")


@pytest.mark.parametrize(("status", "ready"), [(ONCE, True), ({}, False)], ids=["rolled out once", "never"])
def test_where_the_scaler_takes_the_last_pod_none_need_serve_after_the_first_rollout(
    status: dict[str, Any], *, ready: bool
) -> None:
    waking = Observed("x", generation=2, replicas=1, status={**SERVES, **status, "availableReplicas": 0})
    assert judge("Deployment", waking, sleeps=True).ready is ready
    assert not judge("Deployment", waking).ready


@pytest.mark.parametrize("kind", ["Deployment", "ExternalSecret", "Job", "ScaledObject"])
@pytest.mark.parametrize(
    "status",
    [
        {"conditions": None},
        {"conditions": "text"},
        {"conditions": ["text", {}, {"type": None}]},
        {"conditions": [{"type": "Ready"}, {"type": "Complete"}, {"type": "Progressing"}]},
        {"replicas": "many", "updatedReplicas": None, "availableReplicas": {}},
    ],
)
def test_a_malformed_status_is_just_not_ready(kind: str, status: dict[str, Any]) -> None:
    assert not judge(kind, Observed("x", generation=1, status=status)).ready
