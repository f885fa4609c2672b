"""Rendered containers as processes of this machine."""

import sys
from pathlib import Path

import pytest

from tools.containers import Container, Locally, Unfilled, read


def secret(variable, name, **more):
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": variable, **more}}}


SPEC = {
    "name": "serve",
    "command": ["agent-executor", "serve"],
    "env": [
        {"name": "PORT", "value": "8080"},
        {"name": "TMPDIR", "value": "/scratch"},
        secret("POSTGRES_USER", "database"),
        secret("OPENAI_API_KEY", "keys", optional=True),
        secret("ANTHROPIC_API_KEY", "keys", optional=True),
    ],
}
SECRETS = {"database": {"POSTGRES_USER": "agent"}, "keys": {"OPENAI_API_KEY": "k"}}


def test_a_container_runs_its_command_with_secrets_filled_in_and_every_change_told():
    locally = Locally(SECRETS, {"PORT": "1", "NATS_URL": "unused"}, {"OPENAI_API_KEY": {"OPENAI_BASE_URL": "http://x"}})
    assert read(SPEC, locally) == Container(
        name="serve",
        command=("agent-executor", "serve"),
        environment={
            "PATH": str(Path(sys.executable).parent),
            "PORT": "1",
            "TMPDIR": "/scratch",
            "POSTGRES_USER": "agent",
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": "http://x",
        },
        changes=("PORT is 1, not 8080", "OPENAI_BASE_URL is added", "2 values are from secrets"),
    )


def test_a_required_key_that_no_secret_has_is_named():
    with pytest.raises(Unfilled, match="serve: secret database has no key POSTGRES_USER"):
        read(SPEC, Locally({}, {}))
