"""The operators whose kinds are composed where they are installed: a missing one is said, and stops nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Operator:
    """Known to be there by one of its CustomResourceDefinitions. `without` says what its absence means."""

    definition: str
    name: str
    without: str

    @property
    def reason(self) -> str:
        """The reason of a condition that is False for want of the operator."""
        return f"{self.name}NotInstalled"


KEDA = Operator("scaledobjects.keda.sh", "Keda", "the service runs with one replica")
EXTERNAL_SECRETS = Operator(
    "externalsecrets.external-secrets.io", "ExternalSecrets", "the Secrets must be there without it"
)
POD_MONITORS = Operator("podmonitors.monitoring.coreos.com", "PodMonitors", "the service's metrics are not scraped")
PROMETHEUS_RULES = Operator("prometheusrules.monitoring.coreos.com", "PrometheusRules", "there are no alerts")
ALL = (KEDA, EXTERNAL_SECRETS, POD_MONITORS, PROMETHEUS_RULES)
