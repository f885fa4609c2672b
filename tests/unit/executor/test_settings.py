"""The environment, read once."""

import json

import pytest

from contract import Env
from executor.errors import Misconfigured
from executor.settings import NatsSettings, PostgresSettings, Settings

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


def test_a_wrong_secret_is_not_repeated():
    assert "p@ss" not in complaint(REQUIRED | {"PORT": "p@ss"})
    assert "p@ss" not in repr(Settings.read(REQUIRED))


def test_a_group_reads_its_own_variables_only():
    assert complaint({}, PostgresSettings) == "; ".join(
        f"POSTGRES_{n} is missing" for n in ["HOST", "PORT", "DB", "USER", "PASSWORD"]
    )
    assert NatsSettings.read(REQUIRED | {"PORT": "wrong"}).consumer == "workers"


def test_every_variable_is_in_the_contract_and_the_other_way_round():
    variables = Settings.variables()
    assert set(variables) == {str(name) for name in Env}
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
