"""What Prometheus is told: metrics that exist, of this service and no other."""

import re
from collections.abc import Callable

from executor.telemetry import Metrics
from function.claim.xr import Agent
from function.composition.resources import deployment, pod_monitor, prometheus_rule

OURS = re.compile(r"agent_executor_\w+")
OTHERS = re.compile(r"\b(keda_\w+|kube_\w+|up)\{")
ALERTS = [
    "AgentExecutorLagNotShrinking",
    "AgentExecutorConsumerDown",
    "AgentExecutorJobsFail",
    "AgentExecutorDeadLetters",
    "AgentExecutorRestarts",
]


def test_every_alert_is_there_with_a_word_for_who_is_woken(agent: Agent) -> None:
    (group,) = prometheus_rule.build(agent)["spec"]["groups"]
    assert [rule["alert"] for rule in group["rules"]] == ALERTS
    assert all(rule["annotations"]["summary"].startswith("team-a/support: ") for rule in group["rules"])


def test_the_alerts_ask_for_metrics_that_the_executor_has(agent: Agent) -> None:
    known = {sample.name for metric in Metrics().registry.collect() for sample in metric.samples}
    known |= {f"{metric.name}_total" for metric in Metrics().registry.collect() if metric.type == "counter"}
    asked = {name for alert in prometheus_rule.alerts(agent) for name in OURS.findall(alert.expression)}
    assert asked
    assert asked <= known


def test_every_metric_is_asked_for_by_this_services_name(agent: Agent, claim: Callable[..., Agent]) -> None:
    for each in (agent, claim(scaling={"minReplicas": 0})):
        for alert in prometheus_rule.alerts(each):
            selectors = re.findall(r"\{([^}]*)\}", alert.expression)
            assert selectors, alert.name
            assert all("team-a" in selector for selector in selectors), alert.name
            assert alert.expression.count("(") == alert.expression.count(")")


def test_the_job_in_the_alerts_is_the_one_that_the_pod_monitor_gives(agent: Agent) -> None:
    """The operator calls it after the namespace and the name of the PodMonitor."""
    metadata = pod_monitor.build(agent)["metadata"]
    job = f'job="{metadata["namespace"]}/{metadata["name"]}"'
    assert sum(job in alert.expression for alert in prometheus_rule.alerts(agent)) == 4


def test_a_service_that_sleeps_is_down_only_while_jobs_wait(agent: Agent, claim: Callable[..., Agent]) -> None:
    awake, sleeps = (
        next(it.expression for it in prometheus_rule.alerts(each) if it.name == "AgentExecutorConsumerDown")
        for each in (agent, claim(scaling={"minReplicas": 0}))
    )
    assert awake == 'absent(up{job="team-a/support"} == 1)'
    assert sleeps == f"({prometheus_rule._lag(agent)} > 0) and on() {awake}"


def test_the_pod_monitor_scrapes_the_port_and_the_pods_of_the_deployment(claim: Callable[..., Agent]) -> None:
    agent = claim(monitoring={"scrapeSeconds": 15, "labels": {"release": "prometheus"}})
    built = pod_monitor.build(agent)
    (endpoint,) = built["spec"]["podMetricsEndpoints"]
    (serve,) = deployment.build(agent)["spec"]["template"]["spec"]["containers"]
    assert endpoint == {"port": serve["ports"][0]["name"], "path": "/metrics", "interval": "15s"}
    assert built["spec"]["selector"] == deployment.build(agent)["spec"]["selector"]
    assert built["metadata"]["labels"]["release"] == "prometheus"
