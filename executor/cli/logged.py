"""Commands that log what they do: those that open what the service opens."""

import os
from typing import Any

import click


class Logged(click.Command):
    """A command that logs to stderr, as `EXECUTOR_LOG_LEVEL` says; the others only print."""

    def invoke(self, ctx: click.Context) -> Any:
        """Set up the logs, and run it."""
        from executor.telemetry import configure_logs  # noqa: PLC0415 - who only asks over HTTP needs none

        configure_logs(self.level())
        return super().invoke(ctx)

    def level(self) -> str:
        """That of the settings."""
        from executor.settings import ServiceSettings  # noqa: PLC0415

        return ServiceSettings.read(os.environ).log_level


class LoggedErrors(Logged):
    """A command that finds what is wrong with the settings itself, and has nothing else between its lines."""

    def level(self) -> str:
        """Whatever the settings say."""
        return "error"
