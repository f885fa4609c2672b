"""The PrometheusRule: what somebody should look at before a tenant calls.

The lag is KEDA's figure, restarts are kube-state-metrics', the rest are the executor's own, told from those of other
services by the job that the PodMonitor gives them.
"""

from dataclasses import dataclass
from typing import Any

import contract
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import metadata

FAILED_SHARE = 0.1
RESTARTS = 3


@dataclass(frozen=True)
class Alert:
    """One alert; `lasts` is how long the expression must hold."""

    name: str
    severity: str
    lasts: str
    expression: str
    summary: str


def build(agent: Agent) -> Manifest:
    """The alerts on one claim."""
    rules = [_rule(agent, alert) for alert in alerts(agent)]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata.monitored(agent),
        "spec": {"groups": [{"name": f"{agent.namespace}.{agent.base}", "rules": rules}]},
    }


def is_wanted(agent: Agent) -> bool:
    """Whether the claim has alerts, which say nothing true where its pods are not scraped."""
    return agent.spec.monitoring.alerts and agent.spec.monitoring.pod_monitor


def alerts(agent: Agent) -> tuple[Alert, ...]:
    """What is watched, for one claim."""
    ours = f'job="{agent.namespace}/{agent.base}"'
    return (
        _lag_not_shrinking(agent, ours),
        _consumer_down(agent, ours),
        _failures(ours),
        _dead_letters(ours),
        _restarts(agent),
    )


def _lag_not_shrinking(agent: Agent, ours: str) -> Alert:
    lag = _lag(agent)
    more_than_is_worked = f"{lag} > {agent.concurrency} * sum(up{{{ours}}})"
    return Alert(
        "AgentExecutorLagNotShrinking",
        "warning",
        "15m",
        f"({more_than_is_worked}) and ({lag} >= {_lag(agent, ' offset 15m')})",
        "More jobs wait than the replicas take, and they do not get fewer",
    )


def _consumer_down(agent: Agent, ours: str) -> Alert:
    """A service that may sleep is down only while a job waits for it."""
    down = f"absent(up{{{ours}}} == 1)"
    return Alert(
        "AgentExecutorConsumerDown",
        "critical",
        "5m",
        f"({_lag(agent)} > 0) and on() {down}" if agent.sleeps else down,
        "No replica takes jobs",
    )


def _failures(ours: str) -> Alert:
    failed = f'sum(rate(agent_executor_jobs_total{{{ours},outcome="failed"}}[15m]))'
    ended = f"sum(rate(agent_executor_jobs_total{{{ours}}}[15m]))"
    return Alert(
        "AgentExecutorJobsFail",
        "warning",
        "10m",
        f"{failed} / {ended} > {FAILED_SHARE}",
        "More than a tenth of jobs fail",
    )


def _dead_letters(ours: str) -> Alert:
    """A counter that begins with 1 has not increased, as Prometheus sees it: compare with what was there before."""
    counted = f"sum(agent_executor_dead_letters_total{{{ours}}})"
    before = f"(sum(agent_executor_dead_letters_total{{{ours}}} offset 15m) or on() vector(0))"
    return Alert(
        "AgentExecutorDeadLetters", "warning", "0m", f"{counted} - {before} > 0", "Messages became dead letters"
    )


def _restarts(agent: Agent) -> Alert:
    container = contract.SERVE_COMMAND[-1]
    pods = f'namespace="{agent.namespace}",pod=~"{agent.base}-[a-z0-9]+-[a-z0-9]+",container="{container}"'
    return Alert(
        "AgentExecutorRestarts",
        "warning",
        "0m",
        f"sum(increase(kube_pod_container_status_restarts_total{{{pods}}}[30m])) > {RESTARTS}",
        "The service restarts again and again",
    )


def _lag(agent: Agent, offset: str = "") -> str:
    """KEDA's figure, under the label that holds the namespace whether or not Prometheus honours KEDA's own."""
    scaler = f'scaledObject="{agent.base}"'
    either = (f'{label}="{agent.namespace}"' for label in ("exported_namespace", "namespace"))
    return f"max({' or '.join(f'keda_scaler_metrics_value{{{scaler},{it}}}{offset}' for it in either)})"


def _rule(agent: Agent, alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.lasts,
        "labels": {"severity": alert.severity, "namespace": agent.namespace, "agent_executor": agent.base},
        "annotations": {"summary": f"{agent.namespace}/{agent.name}: {alert.summary}"},
    }
