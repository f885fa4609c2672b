"""What the documents show is true."""

import json
import re
from pathlib import Path

import pytest
import yaml

from executor.agents import definition
from executor.agents.catalogue import Catalogue
from executor.jobs.events import parse
from function.claim import xr
from tools import reference

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("package/**/*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")


def test_the_page_of_settings_is_what_the_settings_say():
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_of_the_repository(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_job_that_the_guide_shows_is_a_job():
    [event] = _blocks("docs/usage.md", "json")
    job = parse({}, event.encode())
    assert (job.job_id, job.thread_id) == ("order-4711", "customer-42")
    assert definition.read(job.agent_definition).root.name == "assistant"
    assert definition.read(job.agent_definition).surprises() == []


def test_the_agent_that_the_examples_show_is_one():
    [agent] = Catalogue(ROOT / "examples" / "agents").definitions.values()
    assert (agent.name, agent.description, agent.surprises) == ("support", "Answers customers' questions.", ())


def test_the_claim_that_the_readme_shows_is_a_claim():
    [text] = _blocks("README.md", "yaml")
    claim = yaml.safe_load(text)
    metadata = claim["metadata"]
    agent = xr.parse(metadata["name"], metadata["namespace"], claim["spec"])
    assert agent.spec.image == "ghcr.io/arun4infra/agent-executor:v1.0.0"


def test_the_guide_names_no_command_that_is_not_there():
    from executor.__main__ import cli  # noqa: PLC0415 - only this test needs it

    named = set(
        re.findall(r"^agent-executor (\w+)", (ROOT / "docs/usage.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named - set(cli.commands) == set()


def _blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return [block for block in blocks if language != "json" or json.loads(block)]
