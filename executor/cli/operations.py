"""`agent-executor migrate|streams|graphs|agents|dev|doctor`: what a deployment needs, or all of it."""

from pathlib import Path

import click

from executor.cli.logged import Logged, LoggedErrors


@click.command(cls=Logged)
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where the migrations lie.")
@click.option(
    "--wait", type=click.IntRange(1), default=120, show_default=True, help="Seconds to wait for the database."
)
def migrate(folder: Path | None, wait: int) -> None:
    """Bring the database up to date. Safe to run again, and in several pods at once."""
    from executor.cli import deployment  # noqa: PLC0415 - who only asks over HTTP needs none of it

    deployment.migrate(folder, wait)


@click.command(cls=Logged)
def streams() -> None:
    """Create or update the NATS streams and the consumer. Safe to run again."""
    from executor.cli import deployment  # noqa: PLC0415

    deployment.provision_streams()


@click.command(cls=Logged)
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Keep the data here between runs.")
def dev(*, as_json: bool, data: Path | None) -> None:
    """Start NATS, Postgres, Valkey and the service on this machine, for a developer's day."""
    from executor.cli import deployment  # noqa: PLC0415

    deployment.dev(data, as_json=as_json)


@click.command(cls=Logged)
@click.option("--json", "as_json", is_flag=True, help="Print their names as one line of JSON.")
def graphs(*, as_json: bool) -> None:
    """Say which graphs the image's langgraph.json brings along; exit status 1 where one cannot be had."""
    from executor.cli import deployment  # noqa: PLC0415

    deployment.tell_graphs(as_json=as_json)


@click.command(cls=Logged)
@click.option("--json", "as_json", is_flag=True, help="Print them as one line of JSON.")
def agents(*, as_json: bool) -> None:
    """List the agents that jobs may ask for by name; exit status 1 where one cannot be had."""
    from executor.cli import deployment  # noqa: PLC0415

    deployment.tell_agents(as_json=as_json)


@click.command(cls=LoggedErrors)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON: the findings, and whether it works.")
def doctor(*, as_json: bool) -> None:
    """Say whether the service can work with this environment, and what to do; exit status 1 where it cannot."""
    from executor.cli.doctor import tell_findings  # noqa: PLC0415

    tell_findings(as_json=as_json)
