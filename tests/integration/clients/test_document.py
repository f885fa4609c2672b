"""Each client as docs/clients.md shows it."""

import ast
import inspect
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
BLOCKS = re.findall(
    r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title for title, _ in BLOCKS])
async def test_what_the_page_shows_runs(faced, capsys, title, block):
    there = block.replace("http://localhost:8080", faced.url).replace('"support"', '"writer"')
    code = compile(there, title, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, {})  # noqa: S307 - our own page
    if inspect.isawaitable(result):
        await result
    assert "Nothing was scripted, so this is all I say." in capsys.readouterr().out
