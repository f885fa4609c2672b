"""`python -m tests.chaos`: the promise attacked from the outside. Exit status 0 only when it was kept."""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import click
import structlog

from tests.chaos.broken import BROKEN
from tests.chaos.faults import KINDS
from tests.chaos.report import Report, report
from tests.chaos.run import Options, chaos

JOBS, SECONDS = 400, 60.0
SEED = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--jobs", envvar="CHAOS_JOBS", type=click.IntRange(1), help="Jobs in the storm.")
@click.option("--seconds", envvar="CHAOS_SECONDS", type=click.FloatRange(1), help="Seconds of the storm at most.")
@click.option("--seed", envvar="CHAOS_SEED", default=SEED, help="Of the jobs and of the faults.")
@click.option("--faults", envvar="CHAOS_FAULTS", default=",".join(KINDS), help="Which; empty for none.")
@click.option("--pace", default=1.0, help="Divides the pauses between two faults.")
@click.option("--workers", default=4, type=click.IntRange(2), help="Processes; the last is never killed or stopped.")
@click.option("--disk", type=click.Choice(["nats", "postgres"]), help="Fill its disk, too. Needs root, to mount one.")
@click.option("--broken", type=click.Choice([*BROKEN, "all"]), help="Put a bug in: status 0 when it is found.")
@click.option("--keep", type=click.Path(path_type=Path, exists=False), help="Leave logs and data in this folder.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the summary there.")
def main(  # noqa: PLR0913, PLR0917 - each is an option
    jobs: int | None,
    seconds: float | None,
    seed: int,
    faults: str,
    pace: float,
    workers: int,
    disk: str | None,
    broken: str | None,
    keep: Path | None,
    file: Path | None,
) -> None:
    """Attack a real fleet of workers on real servers, and see whether each job still ends once and well.

    Neither jobs nor seconds given is the form of CI: 400 jobs or 60 seconds. One given, the other is without limit.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    if jobs is None and seconds is None:
        jobs, seconds = JOBS, SECONDS
    kinds = tuple(filter(None, faults.split(","))) + (("disk",) if disk else ())
    if unknown := sorted(set(kinds) - {*KINDS, "disk"}):
        raise click.BadParameter(f"{', '.join(unknown)}: not among {', '.join(KINDS)}", param_hint="--faults")
    options = Options(seed, jobs, seconds, kinds, (0.5 / pace, 3.0 / pace), workers, disk=disk, keep=keep)
    sys.exit(_bites(options, broken) if broken else _holds(options, file))


def _holds(options: Options, file: Path | None) -> int:
    found = _run(options)
    click.echo(found.table())
    if file:
        file.write_text(json.dumps(found.values(), indent=2) + "\n")
    return 0 if found.holds else 1


def _bites(options: Options, which: str) -> int:
    """Whether each bug breaks the invariant that it is to break."""
    missed = 0
    for name, bug in BROKEN.items():
        if which not in {name, "all"}:
            continue
        found = _run(replace(options, broken=name, **bug.changes()))
        caught = found.broken[bug.breaks]
        missed += not caught
        others = [other for other, broken in found.broken.items() if broken and other != bug.breaks]
        click.echo(f"{'caught' if caught else 'MISSED':<8} {name:<14} {bug.breaks}: {caught[:1]}; also {others}")
    return 1 if missed else 0


def _run(options: Options) -> Report:
    history, figures = asyncio.run(chaos(options, _say))
    _say("")
    return report(options, history, figures)


def _say(what: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{what}", err=True, nl=False)


if __name__ == "__main__":
    main()
