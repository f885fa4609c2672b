"""The environment, read once."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import Env
from executor.environment import host_alone
from executor.errors import Misconfigured
from executor.issuers import Issuer, RoleValues
from executor.settings import AccessSettings, NatsSettings, PostgresSettings, Settings

REQUIRED = {
    "NATS_URL": "nats://nats.nats.svc:4222",
    "NATS_STREAM_NAME": "AGENT_EXECUTION",
    "NATS_CONSUMER_GROUP": "workers",
    "POSTGRES_HOST": "db",
    "POSTGRES_PORT": "5432",
    "POSTGRES_DB": "agents",
    "POSTGRES_USER": "agent",
    "POSTGRES_PASSWORD": "p@ss",
    "DRAGONFLY_HOST": "dragonfly",
    "DRAGONFLY_PORT": "6379",
}
SECRETS = (
    "NATS_PASSWORD",
    "NATS_CREDS",
    "POSTGRES_PASSWORD",
    "DRAGONFLY_PASSWORD",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
)


def complaint(environ, settings=Settings):
    with pytest.raises(Misconfigured) as caught:
        settings.read(environ)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_required_is_enough():
    settings = Settings.read(REQUIRED)
    assert (settings.name, settings.port, settings.log_level) == ("agent-executor", 8080, "info")
    assert settings.nats.servers == ["nats://nats.nats.svc:4222"]
    assert settings.nats.subject("execute", "*") == "agent.execute.*"
    assert (settings.nats.status_stream, settings.nats.dead_letter_stream) == ("AGENT_STATUS", "AGENT_DLQ")
    assert settings.postgres.conninfo() == {
        "host": "db",
        "port": 5432,
        "dbname": "agents",
        "user": "agent",
        "password": "p@ss",
    }
    assert settings.dragonfly.password is None
    assert settings.models.openai_api_key is None
    assert (settings.worker.concurrency, settings.worker.drain_seconds, settings.worker.max_attempts) == (5, 30, 5)


def test_everything_may_be_set():
    settings = Settings.read(
        REQUIRED
        | {
            "NATS_URL": "tls://a:4222, tls://b:4222",
            "NATS_STREAM_NAME": "CREW",
            "POSTGRES_SSLMODE": "require",
            "EXECUTOR_NAME": "crew",
            "PORT": "9000",
            "EXECUTOR_CONCURRENCY": "20",
            "EXECUTOR_DRAIN_SECONDS": "0.5",
        }
    )
    assert settings.nats.servers == ["tls://a:4222", "tls://b:4222"]
    assert settings.nats.dead_letter_stream == "CREW_DLQ"
    assert settings.postgres.conninfo()["sslmode"] == "require"
    assert (settings.name, settings.port) == ("crew", 9000)
    assert (settings.worker.concurrency, settings.worker.drain_seconds) == (20, 0.5)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("given", [{}, {"empty": ""}])
def test_a_missing_variable_is_named_and_an_empty_one_is_missing(name, given):
    environ = {key: value for key, value in REQUIRED.items() if key != name} | dict.fromkeys([name] * len(given), "")
    assert complaint(environ) == f"{name} is missing"


@pytest.mark.parametrize("name", [*REQUIRED, *SECRETS])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n\n"])
def test_a_line_break_at_the_end_of_a_value_is_not_part_of_it(name, line_break):
    environ = REQUIRED | {name: REQUIRED.get(name, "a secret ")}
    assert Settings.read(environ | {name: environ[name] + line_break}) == Settings.read(environ)


def test_a_value_that_is_nothing_but_a_line_break_is_missing():
    assert complaint(REQUIRED | {"POSTGRES_PASSWORD": "\n"}) == "POSTGRES_PASSWORD is missing"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("db", "db"),
        ("db.example.com:5432", "db.example.com"),
        ("10.0.0.1:5432", "10.0.0.1"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]", "fd00::1"),
        ("[fd00::1]:5432", "fd00::1"),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("/var/run/postgresql", "/var/run/postgresql"),
        ("db-a,db-b", "db-a,db-b"),
    ],
)
def test_the_host_is_read_as_managed_databases_write_it(given, host):
    settings = Settings.read(REQUIRED | {"POSTGRES_HOST": given, "DRAGONFLY_HOST": given})
    assert (settings.postgres.host, settings.postgres.port) == (host, 5432)
    assert (settings.dragonfly.host, settings.dragonfly.port) == (host, 6379)


@pytest.mark.parametrize(
    ("said", "speaks_tls"),
    [
        ({}, False),
        ({"DRAGONFLY_TLS": "true"}, True),
        ({"DRAGONFLY_TLS": "false"}, False),
        ({"DRAGONFLY_CA": "/etc/ca.crt"}, True),
        ({"DRAGONFLY_CA": "/etc/ca.crt", "DRAGONFLY_TLS": "false"}, False),
    ],
)
def test_tls_is_spoken_where_it_is_said_and_else_where_there_is_an_authority(said, speaks_tls):
    assert Settings.read(REQUIRED | said).dragonfly.speaks_tls is speaks_tls


@given(st.text(string.ascii_letters + string.digits + ".-_", min_size=1) | st.ip_addresses(v=4).map(str))
def test_a_port_behind_a_host_changes_nothing_about_the_host(host):
    assert host_alone(f"{host}:6379") == host_alone(host) == host


@given(st.ip_addresses(v=6).map(str))
def test_an_address_of_ipv6_is_itself_in_every_spelling(address):
    assert {host_alone(text) for text in (address, f"[{address}]", f"[{address}]:6379")} == {address}


def test_all_that_is_missing_is_named_in_one_line():
    assert complaint({}) == "; ".join(f"{name} is missing" for name in REQUIRED)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("POSTGRES_PORT", "many", "input should be a valid integer, unable to parse string as an integer"),
        ("POSTGRES_PORT", "65536", "input should be less than or equal to 65535"),
        ("EXECUTOR_CONCURRENCY", "0", "input should be greater than or equal to 1"),
        ("EXECUTOR_DEFAULT_MODEL", "gpt", "string should match pattern '^[^:]+:.+$'"),
        ("EXECUTOR_SUBJECT_PREFIX", "a.*", r"string should match pattern '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$'"),
        ("PORT", "http", "input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_wrong_variable_is_named_without_its_value(name, value, words):
    assert complaint(REQUIRED | {name: value}) == f"{name} is wrong: {words}"


ISSUER = {"issuer": "https://login.example", "audience": "agent-executor", "jwks": "https://login.example/keys"}


def said(*issuers):
    return {"EXECUTOR_AUTH": json.dumps(issuers)}


def test_no_issuers_are_no_issuers():
    assert [AccessSettings.read(these).issuers for these in ({}, {"EXECUTOR_AUTH": ""}, said())] == [()] * 3
    assert AccessSettings.read({"EXECUTOR_TENANT": "ours"}).own_tenant is None
    assert AccessSettings.read(said(ISSUER)).own_tenant == ""


def test_issuers_are_read_from_json():
    values = {"read": ["viewers"], "write": [], "admin": ["operators"]}
    named = {**ISSUER, "jwks": "/etc/agent-executor/auth/keys/jwks.json", "roles_claim": "groups", "roles": values}
    first, second = AccessSettings.read(said(ISSUER, {**named, "tenant_claim": "team"})).issuers
    assert first == Issuer(
        issuer="https://login.example",
        audience="agent-executor",
        jwks="https://login.example/keys",
        tenant_claim="kubernetes.io.namespace",
        roles_claim=None,
        roles=None,
    )
    assert (second.tenant_claim, second.roles_claim) == ("team", "groups")
    assert second.roles == RoleValues(read=("viewers",), write=(), admin=("operators",))


NO_CLAIM = "roles_claim is required where there are roles: it says which claim has their values"
LOCATED = "must be a URL of http or https without credentials, or the path of a file from the root"


@pytest.mark.parametrize(
    ("auth", "complaints"),
    [
        ("{", "EXECUTOR_AUTH is wrong: value error, must be a JSON list of issuers"),
        ("{}", "EXECUTOR_AUTH is wrong: value error, must be a JSON list of issuers"),
        ("null", "EXECUTOR_AUTH is wrong: value error, must be a JSON list of issuers"),
        ("[" * 100_000, "EXECUTOR_AUTH is wrong: value error, must be a JSON list of issuers"),
        ('[{"issuer": "i"}]', "EXECUTOR_AUTH[0].audience is missing; EXECUTOR_AUTH[0].jwks is missing"),
        (json.dumps([ISSUER | {"jwks": "keys.json"}]), f"EXECUTOR_AUTH[0].jwks is wrong: value error, {LOCATED}"),
        (
            json.dumps([ISSUER | {"jwks": "https://me:p@ss@x"}]),
            f"EXECUTOR_AUTH[0].jwks is wrong: value error, {LOCATED}",
        ),
        (json.dumps([ISSUER | {"jwks": "file:///x"}]), f"EXECUTOR_AUTH[0].jwks is wrong: value error, {LOCATED}"),
        (
            json.dumps([ISSUER, ISSUER | {"roles_claim": "g", "roles": {"owner": ["x"]}}]),
            "EXECUTOR_AUTH[1].roles.owner is wrong: extra inputs are not permitted",
        ),
        (
            json.dumps([ISSUER | {"roles": {"read": ["x"]}}]),
            f"EXECUTOR_AUTH[0] is wrong: value error, {NO_CLAIM}",
        ),
        (
            json.dumps([ISSUER | {"audience": ""}]),
            "EXECUTOR_AUTH[0].audience is wrong: string should have at least 1 character",
        ),
    ],
)
def test_what_is_wrong_with_an_issuer_is_said_with_its_path(auth, complaints):
    assert complaint({"EXECUTOR_AUTH": auth}, AccessSettings) == complaints


def test_a_wrong_secret_is_not_repeated():
    assert "p@ss" not in complaint(REQUIRED | {"PORT": "p@ss"})
    assert "p@ss" not in repr(Settings.read(REQUIRED))


def test_a_variable_that_is_not_known_stops_nothing():
    assert Settings.read(REQUIRED | {"EXECUTOR_TO_COME": "x"}) == Settings.read(REQUIRED)


def test_a_group_reads_its_own_variables_only():
    assert complaint({}, PostgresSettings) == "; ".join(
        f"POSTGRES_{n} is missing" for n in ["HOST", "PORT", "DB", "USER", "PASSWORD"]
    )
    assert NatsSettings.read(REQUIRED | {"PORT": "wrong"}).consumer == "workers"


def test_every_variable_is_in_the_contract_and_the_other_way_round():
    variables = Settings.variables()
    assert {str(name) for name in Env} <= set(variables) <= {str(name) for name in Env}
    assert {name for name, required in variables.items() if required} == set(REQUIRED)


def test_scrubbing_takes_every_secret_out_of_a_text():
    secrets = {name: f"{name.lower()}-0'\"\\\n\u00e4" for name in SECRETS}
    settings = Settings.read(REQUIRED | secrets)
    text = " and ".join(secrets.values())
    assert settings.scrub(text) == " and ".join(["***"] * len(secrets))


@pytest.mark.parametrize("spelled", [repr, lambda secret: repr(secret.encode()), json.dumps])
def test_scrubbing_knows_how_a_secret_is_spelled_in_an_error(spelled):
    secret = 'it\'s "q"\\'
    assert settings_with(secret).scrub(f"Error({spelled(secret)})") in {"Error('***')", 'Error("***")', "Error(b'***')"}


def test_a_secret_that_begins_another_does_not_leave_the_rest_of_it():
    settings = Settings.read(REQUIRED | {"OPENAI_API_KEY": "key-1", "ANTHROPIC_API_KEY": "key-1-and-more"})
    assert settings.scrub("no key-1-and-more, no key-1") == "no ***, no ***"


def settings_with(secret):
    return Settings.read(REQUIRED | {"OPENAI_API_KEY": secret})
