"""What jobs will need is imported before the first of them comes.

Imports beside running jobs are not only slow: deepagents looks up providers that another thread has half imported.
"""

import importlib
import time

import structlog

from executor.agents.definition import ORCHESTRATOR, Config, Definition, Model, Node
from executor.settings import ModelSettings

log = structlog.get_logger()

AT_FIRST_CALL = {"anthropic": "langchain_anthropic.middleware"}  # what deepagents imports when a model is called


def import_ahead(settings: ModelSettings) -> None:
    """Import what agents on the providers with a key need. Takes seconds: not for the event loop."""
    from executor.agents.models import available  # noqa: PLC0415 - this is what takes them

    began = time.monotonic()
    providers = available(settings)
    for provider in providers:
        try:
            _import(provider, settings)
        except Exception as error:  # noqa: BLE001 - the jobs that need it fail by themselves, and others need not
            log.warning("no agent can be made", provider=provider, error=repr(error))
    log.info("imported ahead", providers=providers, seconds=round(time.monotonic() - began, 2))


def _import(provider: str, settings: ModelSettings) -> None:
    """Make an agent and throw it away: what that imports, jobs find imported."""
    from executor.agents.build import build  # noqa: PLC0415

    config = Config(model=Model(provider=provider, model="any"))
    build(Definition(nodes=(Node(id="ahead", type=ORCHESTRATOR, config=config),)), settings)
    if module := AT_FIRST_CALL.get(provider):
        importlib.import_module(module)
