"""`GET /docs`: what `/openapi.json` says, as a page for people. It runs no script and fetches nothing, from nowhere."""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from executor.api.state import State

JsonObject = dict[str, Any]
Row = tuple[str, ...]

STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid #8886; padding: .5rem 0 }
code, pre { font: 14px/1.5 ui-monospace, monospace }
pre { background: #8882; padding: .5rem .75rem; overflow-x: auto }
td { padding: .1rem 1.5rem .1rem 0; vertical-align: top }
""".strip()
DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{DIGEST}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def router(_: State) -> APIRouter:
    """The route of the page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        shown = page(request.app.openapi(), str(request.base_url).rstrip("/"))
        return HTMLResponse(shown, headers={"content-security-policy": POLICY, "x-content-type-options": "nosniff"})

    return routes


def page(api: JsonObject, url: str) -> str:
    """The page of an OpenAPI document, whose operations are called at the URL."""
    title = escape(f"{api['info']['title']} {api['info']['version']}")
    operations = "".join(
        _operation(api, url, method, path) for path, methods in api["paths"].items() for method in methods
    )
    # Without the empty icon a browser would ask for one.
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'<style>{STYLE}</style><h1>{title}</h1><p>For programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"{operations}</html>"
    )


def _operation(api: JsonObject, url: str, method: str, path: str) -> str:
    said = api["paths"][path][method]
    parts = (
        f"<article><h2><code>{escape(method.upper())} {escape(path)}</code></h2>",
        f"<p>{_text(said.get('description', ''))}</p>",
        _table("Parameters", map(_parameter, said.get("parameters", ()))),
        *(_table(f"Body, {kind}", _fields(schema)) for kind, schema, _ in _bodies(api, said)),
        _table("Answers", ((status, _text(it["description"])) for status, it in sorted(said["responses"].items()))),
        f"<pre>{escape(_command(api, url, method, path))}</pre></article>",
    )
    return "".join(parts)


def _parameter(parameter: JsonObject) -> Row:
    name = f"<code>{escape(parameter['name'])}</code>"
    kind = f"{parameter['in']}, required" if parameter.get("required") else parameter["in"]
    return name, escape(kind), escape(_type(parameter["schema"])), _text(parameter.get("description", ""))


def _bodies(api: JsonObject, said: JsonObject) -> Iterator[tuple[str, JsonObject, Any]]:
    """What may be sent: its media type, its schema, and an example."""
    for kind, content in said.get("requestBody", {}).get("content", {}).items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        schema = api["components"]["schemas"][name] if name else content["schema"]
        yield kind, schema, content.get("example", dict.fromkeys(schema.get("properties", ()), "..."))


def _fields(schema: JsonObject) -> Iterator[Row]:
    for name, inner in schema.get("properties", {}).items():
        required = "required" if name in schema.get("required", ()) else ""
        yield f"<code>{escape(name)}</code>", required, escape(_type(inner)), _text(inner.get("description", ""))


def _type(schema: JsonObject) -> str:
    """A schema in a few words; what it refers to goes by its name."""
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = str(schema.get("type") or schema.get("$ref", "any").rpartition("/")[2])
    bounds = f" from {schema['minimum']} to {schema['maximum']}" if {"minimum", "maximum"} <= schema.keys() else ""
    return kind + bounds + (f", by default {schema['default']}" if schema.get("default") is not None else "")


def _command(api: JsonObject, url: str, method: str, path: str) -> str:
    words = ["curl"] if method == "get" else ["curl", "-X", method.upper()]
    if "security" in api["paths"][path][method]:
        words += ["-H", "authorization: Bearer TOKEN"]
    for kind, _, example in _bodies(api, api["paths"][path][method]):
        words += ["-H", f"content-type: {kind}", "-d", json.dumps(example, indent=2)]
    return shlex.join([*words, f"{url}{path}"])


def _table(title: str, rows: Iterable[Row]) -> str:
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<h3>{escape(title)}</h3><table>{lines}</table>" if lines else ""


def _text(words: str) -> str:
    """Words of ours as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(words))
