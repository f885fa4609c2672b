"""The page that shows the API: it says all that the document says, and nobody fetches anything for it."""

import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from executor.agents import definition
from executor.api.docs import page
from executor.api.server import application
from executor.api.state import State
from executor.jobs.events import parse
from executor.telemetry import Metrics

pytestmark = pytest.mark.anyio

HERE = "http://service.example"
BY_CLICK = ("a",)  # what is followed when somebody wants it, and not fetched


@pytest.fixture
async def http():
    transport = httpx.ASGITransport(application(State(Metrics())))
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
        yield client


class Page(HTMLParser):
    """What of a page a browser acts on."""

    def __init__(self, text):
        super().__init__()
        self.links, self.fetched, self.tags, self.texts = set(), set(), [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.texts.setdefault(tag, [])
        for name, value in attrs:
            if name in {"href", "src", "srcset", "data", "poster", "action", "content"}:
                (self.links if tag in BY_CLICK else self.fetched).add(value)
            assert not name.startswith("on")
            assert name != "style"

    def handle_data(self, data):
        if self.tags:
            self.texts[self.tags[-1]].append(data)


async def test_no_page_that_is_served_fetches_anything_from_outside(http):
    """Every page that can be reached from the documented paths, as a browser would read it."""
    paths = set((await http.get("/openapi.json")).json()["paths"])
    seen, waiting = set(), {"/docs", "/favicon.ico", "/nowhere", *(path for path in paths if "{" not in path)}
    while waiting:
        seen.add(path := waiting.pop())
        answer = await http.get(path)
        if "html" not in answer.headers["content-type"]:
            continue
        shown = Page(answer.text)
        outside = {link for link in shown.fetched | shown.links if urlsplit(urljoin(HERE, link)).scheme != "data"}
        assert {
            link for link in outside if urlsplit(urljoin(HERE, link)).netloc not in {"", "service.example"}
        } == set()
        assert not re.search(r"url\(|@import|//", "".join(shown.texts.get("style", [])))
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        waiting |= {link for link in shown.links if link not in seen}
    assert {"/docs", "/openapi.json"} <= seen


async def test_the_page_runs_no_script_and_its_one_style_is_the_one_that_its_policy_allows(http):
    answer = await http.get("/docs")
    shown = Page(answer.text)
    assert (answer.status_code, shown.tags.count("style")) == (200, 1)
    assert {"script", "form", "iframe", "img", "object"} & {*shown.tags} == set()
    digest = base64.b64encode(hashlib.sha256("".join(shown.texts["style"]).encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]


async def test_every_operation_is_shown_with_its_parameters_its_answers_and_a_command(http):
    api = (await http.get("/openapi.json")).json()
    texts = Page((await http.get("/docs")).text).texts
    shown = [text for text in texts["code"] if text.split()[0] in {"GET", "POST"}]
    assert shown == [f"{method.upper()} {path}" for path, methods in api["paths"].items() for method in methods]
    commands = [shlex.split(text) for text in texts["pre"]]
    assert [command[-1] for command in commands] == [HERE + entry.split()[1] for entry in shown]
    assert {"job_id", "last-event-id", "status", "limit", "cursor", "resume"} <= {*texts["code"]}
    assert "integer from 1 to 500, by default 50" in texts["td"]


async def test_the_command_that_posts_a_job_posts_a_job(http):
    [command] = [text for text in Page((await http.get("/docs")).text).texts["pre"] if text.endswith("example/")]
    body = shlex.split(command)[shlex.split(command).index("-d") + 1]
    job = parse({"content-type": "application/cloudevents+json"}, body.encode())
    assert (job.job_id, definition.read(job.agent_definition).surprises()) == ("order-4711", [])


def test_words_of_the_document_are_words_on_the_page():
    evil = "</pre><script>alert(1)</script>'\"`<b>`"
    operation = {
        "description": evil,
        "parameters": [{"name": evil, "in": evil, "schema": {"type": evil}, "description": evil}],
        "requestBody": {"content": {evil: {"schema": {"properties": {evil: {"$ref": evil}}}, "example": evil}}},
        "responses": {"200": {"description": evil}},
    }
    shown = Page(page({"info": {"title": evil, "version": evil}, "paths": {f"/{evil}": {"get": operation}}}, evil))
    assert {"script", "b"} & {*shown.tags} == set()
    assert json.dumps(evil) in shlex.split("".join(shown.texts["pre"]))
