"""What the function renders is what the executor reads: every variable, in both directions, for every example."""

from pathlib import Path

import pytest
import yaml

import contract
from contract import Env
from executor.__main__ import cli
from executor.broker.layout import layout
from executor.environment import Group
from executor.issuers import NAMESPACE
from executor.settings import NatsSettings, PostgresSettings, ServiceSettings, Settings
from function.claim.xr import parse
from function.composition.resources import deployment, scaled_object, streams_job
from function.composition.resources import service as service_resource

ROOT = Path(__file__).parents[2]
CLAIMS = sorted(path for path in (ROOT / "examples").glob("*.yaml") if "AgentExecutor" in path.read_text())

# Variables that a container may have beside ours, for the libraries in it.
LIBRARIES = ("LANGGRAPH_", "OTEL_", "PYTHON", "HOME", "TMPDIR")

SECRETS = {
    Env.POSTGRES_HOST: "postgres.example",
    Env.POSTGRES_PORT: "5432",
    Env.POSTGRES_DB: "agents",
    Env.POSTGRES_USER: "agent",
    Env.POSTGRES_PASSWORD: "p \"a's$s",
    Env.DRAGONFLY_HOST: "dragonfly.example",
    Env.DRAGONFLY_PORT: "6379",
    Env.DRAGONFLY_USER: "jobs",
    Env.DRAGONFLY_PASSWORD: "d",
    Env.NATS_USER: "me",
    Env.NATS_PASSWORD: "n",
    Env.NATS_CREDS: "-----BEGIN NATS USER JWT-----",
    Env.OPENAI_API_KEY: "sk-o",
    Env.ANTHROPIC_API_KEY: "sk-a",
}


@pytest.fixture(params=CLAIMS, ids=lambda path: path.stem)
def agent(request):
    """The claim of one example."""
    documents = yaml.safe_load_all(request.param.read_text())
    claim = next(document for document in documents if document and document["kind"] == "AgentExecutor")
    return parse(claim["metadata"]["name"], claim["metadata"]["namespace"], claim["spec"])


def containers(agent):
    """Each rendered container by the command that it runs."""
    pods = [resource.build(agent)["spec"]["template"]["spec"] for resource in (deployment, streams_job)]
    return {
        tuple(container["command"]): container
        for pod in pods
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    }


def environment(container, *, optional=True):
    """The environment that the container would see with every secret there, or without the optional keys."""
    found = {}
    for entry in container["env"]:
        reference = entry.get("valueFrom", {}).get("secretKeyRef")
        if reference is None:
            found[entry["name"]] = entry["value"]
        elif optional or not reference.get("optional"):
            found[entry["name"]] = SECRETS.get(entry["name"], "the tenant's own")
    return found


SETTINGS: dict[tuple[str, ...], type[Group]] = {
    contract.SERVE_COMMAND: Settings,
    contract.MIGRATE_COMMAND: PostgresSettings,
    contract.STREAMS_COMMAND: NatsSettings,
}


def test_there_are_claims():
    assert "claim" in {path.stem for path in CLAIMS}


def test_the_containers_run_the_commands_that_there_are(agent):
    assert set(containers(agent)) == set(SETTINGS)
    assert {command[1] for command in containers(agent)} <= set(cli.commands)


@pytest.mark.parametrize("command", SETTINGS, ids=" ".join)
@pytest.mark.parametrize("optional", [True, False])
def test_the_executor_reads_the_rendered_environment(agent, command, optional):
    SETTINGS[command].read(environment(containers(agent)[command], optional=optional))


@pytest.mark.parametrize("command", SETTINGS, ids=" ".join)
def test_every_variable_that_is_required_is_rendered(agent, command):
    required = {name for name, is_required in SETTINGS[command].variables().items() if is_required}
    assert required <= set(environment(containers(agent)[command], optional=False))


@pytest.mark.parametrize("command", SETTINGS, ids=" ".join)
def test_every_variable_that_is_rendered_is_read(agent, command):
    rendered = set(environment(containers(agent)[command])) - {variable.name for variable in agent.spec.pod.env}
    read = set(SETTINGS[command].variables()) | set(ServiceSettings.variables())
    assert {name for name in rendered - read if not name.startswith(LIBRARIES)} == set()


def test_the_issuers_that_the_security_page_shows_are_taken():
    shown = next(part for part in (ROOT / "docs/security.md").read_text().split("```yaml")[1:] if "issuers:" in part)
    spec = {"image": "ghcr.io/example/agents:v1", **yaml.safe_load(shown.partition("```")[0])["spec"]}
    settings = Settings.read(environment(containers(parse("agents", "shop", spec))[contract.SERVE_COMMAND]))
    cluster, login = settings.access.issuers
    assert (cluster.jwks, cluster.tenant_claim) == (f"{contract.AUTH_FOLDER}/cluster-keys/jwks.json", NAMESPACE)
    assert (login.jwks, login.tenant_claim, login.roles_claim) == ("https://login.example/keys", "team", "groups")


def test_the_issuers_are_the_claims(agent):
    issuers = Settings.read(environment(containers(agent)[contract.SERVE_COMMAND])).access.issuers
    asked = agent.spec.auth.issuers
    assert [(each.issuer, each.audience, each.roles_claim) for each in issuers] == [
        (each.issuer, each.audience, each.roles_claim) for each in asked
    ]
    assert [each.tenant_claim for each in issuers] == [each.tenant_claim or NAMESPACE for each in asked]
    assert [each.roles and each.roles.model_dump() for each in issuers] == [
        each.roles and each.roles.model_dump() for each in asked
    ]
    files = [each.jwks_config_map and f"{contract.AUTH_FOLDER}/{each.jwks_config_map.name}/" for each in asked]
    assert [each.jwks.rpartition("/")[0] + "/" if each.is_local else None for each in issuers] == files


def test_the_settings_are_the_claims(agent):
    settings = Settings.read(environment(containers(agent)[contract.SERVE_COMMAND]))
    assert settings.name == agent.name
    assert settings.nats.servers == agent.spec.nats_url.split(",")
    assert settings.nats.stream == agent.spec.nats_stream_name
    assert settings.nats.consumer == agent.consumer_group
    assert settings.nats.subject_prefix == agent.spec.streams.subject_prefix
    assert settings.worker.concurrency == agent.concurrency
    assert settings.worker.drain_seconds == agent.spec.drain.seconds
    assert settings.worker.retry_seconds == (agent.spec.retry.seconds or 3600)
    dragonfly, said = settings.dragonfly, agent.spec.dragonfly
    assert dragonfly.ca == ("/etc/agent-executor/dragonfly-ca/ca.crt" if said.ca_secret else None)
    assert dragonfly.speaks_tls == (bool(said.ca_secret) if said.tls is None else said.tls)
    assert dragonfly.user == "jobs"
    assert settings.nats.ca == ("/etc/agent-executor/nats-ca/ca.crt" if agent.spec.nats.ca_secret else None)
    connection = settings.postgres.conninfo()
    authority = agent.spec.postgres.ca_secret and "/etc/agent-executor/postgres-ca/ca.crt"
    assert connection.pop("sslrootcert", None) == authority
    assert connection.pop("sslmode", None) == (agent.spec.postgres.ssl_mode or (authority and "verify-full"))
    assert connection == {
        "host": "postgres.example",
        "port": 5432,
        "dbname": "agents",
        "user": "agent",
        "password": "p \"a's$s",
    }


def test_the_streams_job_makes_the_consumer_that_the_service_takes_from_and_the_scaler_watches(agent):
    served = Settings.read(environment(containers(agent)[contract.SERVE_COMMAND])).nats
    made = NatsSettings.read(environment(containers(agent)[contract.STREAMS_COMMAND]))
    assert (made.stream, made.consumer, made.subject_prefix) == (served.stream, served.consumer, served.subject_prefix)
    wanted = agent.spec.streams
    assert made.replicas == wanted.replicas
    hours = (wanted.jobs_max_age_hours, wanted.results_max_age_hours, wanted.dead_letters_max_age_hours)
    assert tuple(stream.max_age for stream in layout(made).streams) == tuple(hour * 3600 for hour in hours)
    trigger = scaled_object.build(agent)["spec"]["triggers"][0]["metadata"]
    assert (trigger["stream"], trigger["consumer"]) == (served.stream, served.consumer)


def test_the_pod_outlives_its_drain_and_is_asked_where_the_service_answers(agent):
    pod = deployment.build(agent)["spec"]["template"]["spec"]
    settings = Settings.read(environment(containers(agent)[contract.SERVE_COMMAND]))
    assert pod["terminationGracePeriodSeconds"] > settings.worker.drain_seconds
    served = containers(agent)[contract.SERVE_COMMAND]
    assert [port["containerPort"] for port in served["ports"]] == [settings.port]
    assert served["livenessProbe"]["httpGet"]["path"] == contract.HEALTH_PATH
    assert served["readinessProbe"]["httpGet"]["path"] == contract.READY_PATH
    assert service_resource.build(agent)["spec"]["ports"][0]["port"] == settings.port


def test_no_secret_is_rendered_as_a_value(agent):
    for container in containers(agent).values():
        literal = {entry["name"] for entry in container["env"] if "value" in entry}
        assert literal & set(SECRETS) == set()
