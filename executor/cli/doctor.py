"""`agent-executor doctor`: whether the service can work with this environment, and if not, what to do."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from itertools import chain
from typing import NoReturn, TypeVar

import click

from executor.cli import running
from executor.environment import Group
from executor.errors import ExecutorError
from executor.findings import Finding, State, ok, short, told, works, wrong
from executor.settings import (
    AccessSettings,
    DragonflySettings,
    ModelSettings,
    NatsSettings,
    PostgresSettings,
    ServiceSettings,
    Settings,
    scrubbed,
)

SECONDS = 12.0  # of a check; each bounds its own steps more narrowly
LOADING_SECONDS = 60.0  # of imports, on a busy machine
CREDENTIALS = re.compile(r"//[^/@\s]*@")

Clock = Callable[[], float]
G = TypeVar("G", bound=Group)


@dataclass(frozen=True)
class Check:
    """What is asked at once with all others; `unknown` is what it means that there is no answer."""

    about: str
    examine: Callable[[], Awaitable[list[Finding]]]
    unknown: State = "warning"
    seconds: float = SECONDS


def tell_findings(*, as_json: bool) -> None:
    """Print what is found, and end with status 1 where the service cannot work."""

    async def tell() -> None:
        with redirect_stdout(sys.stderr):  # a graph's module may print
            findings = await examine(os.environ, say=lambda words: click.echo(words, err=True))
        click.echo("\n".join(lines(findings, as_json=as_json)))
        _leave(0 if works(findings) else 1)

    running.run(tell)


def lines(findings: Sequence[Finding], *, as_json: bool) -> Iterator[str]:
    """The findings as they are printed."""
    if as_json:
        yield json.dumps({"findings": [asdict(finding) for finding in findings], "works": works(findings)})
    else:
        yield from map(told, findings)


def _leave(status: int) -> NoReturn:
    """At once: a thread that still hangs, in a name server or in a graph's module, would hold the end up."""
    sys.stdout.flush()
    os._exit(status)


async def examine(environ: Mapping[str, str], say: Callable[[str], None], now: Clock = time.time) -> list[Finding]:
    """Everything; `say` is told what lasts."""
    groups = {group: _read(group, environ) for _, group in Settings.groups()}
    say("asking the servers and providers ...")
    parts = await asyncio.gather(*(_answer(check) for check in _servers(groups, now)))
    loading = [*_loading(groups)]
    if loading:
        say("loading graphs and agents ...")  # after the others: it keeps the event loop from them
        parts += await asyncio.gather(*(_answer(check) for check in loading))
    secrets = [secret for group in groups for secret in group.secrets(environ)]
    return [_without(secrets, each) for each in chain(_settings(environ), *parts)]


def _read(group: type[G], environ: Mapping[str, str]) -> G | None:
    return None if group.complaints(environ) else group.read(environ)


def _settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Each variable that is missing or wrong."""
    complaints = [each for _, group in Settings.groups() for each in group.complaints(environ)]
    for name, _, said in (complaint.partition(" is ") for complaint in complaints):
        yield wrong(f"setting {name}", f"is {said}", f"set {name} as docs/settings.md says")
    if not complaints:
        yield ok("settings", "are complete")


Groups = Mapping[type[Group], Group | None]


def _of(groups: Groups, kind: type[G]) -> Iterator[G]:
    """The settings of a kind, where they can be read."""
    if isinstance(found := groups[kind], kind):
        yield found


def _servers(groups: Groups, now: Clock) -> Iterator[Check]:
    from executor.access import examine as of_access  # noqa: PLC0415 - the other commands need none of these
    from executor.agents import keys  # noqa: PLC0415
    from executor.broker import examine as of_broker  # noqa: PLC0415
    from executor.postgres import examine as of_postgres  # noqa: PLC0415
    from executor.progress import examine as of_progress  # noqa: PLC0415

    for nats in _of(groups, NatsSettings):
        yield Check(of_broker.ABOUT, partial(of_broker.examine, nats), "wrong")
    for database in _of(groups, PostgresSettings):
        yield Check(of_postgres.ABOUT, partial(of_postgres.examine, database, now), "wrong")
        yield Check("migrations", partial(asyncio.to_thread, _migrations, database), "wrong")
    for dragonfly in _of(groups, DragonflySettings):
        yield Check(of_progress.ABOUT, partial(of_progress.examine, dragonfly, now))
    for models in _of(groups, ModelSettings):
        yield Check("models", partial(keys.examine, models))
    for access in _of(groups, AccessSettings):
        yield Check(of_access.ABOUT, partial(of_access.examine, access))
    yield from _certificates(groups, now)


def _migrations(settings: PostgresSettings) -> list[Finding]:
    from executor import migrate  # noqa: PLC0415 - takes LangGraph

    return migrate.examine(settings, migrate.default_folder())


def _certificates(groups: Groups, now: Clock) -> Iterator[Check]:
    from executor import certificates  # noqa: PLC0415
    from executor.agents import keys  # noqa: PLC0415

    shown = [
        *(certificates.of_nats(nats) for nats in _of(groups, NatsSettings)),
        *(certificates.of_postgres(database) for database in _of(groups, PostgresSettings)),
        *(certificates.of_dragonfly(dragonfly) for dragonfly in _of(groups, DragonflySettings)),
        *(
            certificates.of_url(provider.name, provider.url)
            for models in _of(groups, ModelSettings)
            for provider in keys.providers(models)
        ),
    ]
    for each in chain.from_iterable(shown):
        yield Check("certificates", partial(certificates.examine, each, now()))


def _loading(groups: Groups) -> Iterator[Check]:
    for service in _of(groups, ServiceSettings):
        for models in _of(groups, ModelSettings):
            yield Check("graphs and agents", partial(_load, service, models), "wrong", LOADING_SECONDS)


async def _load(service: ServiceSettings, models: ModelSettings) -> list[Finding]:
    await asyncio.to_thread(import_module, "executor.agents.examine")  # takes seconds: not on the event loop
    from executor.agents.examine import examine as load  # noqa: PLC0415
    from executor.checkpoints.langgraph_internals import reads_back  # noqa: PLC0415

    return await load(service.agents, service.graphs, models, reads_back)


async def _answer(check: Check) -> list[Finding]:
    """What a check finds, or that it failed: the others do not."""
    try:
        async with asyncio.timeout(check.seconds):
            return await check.examine()
    except TimeoutError:
        said = f"no answer within {check.seconds:g} s"
    except ExecutorError as error:
        said = short(error)
    except Exception as error:  # noqa: BLE001 - one that fails keeps nobody from the others
        said = f"could not be examined: {error!r}"
    return [Finding(check.about, check.unknown, said, "look at it by hand")]


def _without(secrets: Sequence[str], finding: Finding) -> Finding:
    def clean(text: str) -> str:
        return CREDENTIALS.sub("//", scrubbed(text, secrets))

    return replace(finding, about=clean(finding.about), said=clean(finding.said), help=clean(finding.help))
