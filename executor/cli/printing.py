"""How commands print: JSON alone for programs, aligned lines for people."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a terminal obeys them, whoever wrote them

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else on standard output.")


def on_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def clean(text: str) -> str:
    """The text with its control characters spelled out, but for tabs and line breaks."""
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\r\n", "\n"))


def in_a_line(text: str) -> str:
    """The text as one clean line."""
    return clean(" ".join(text.split()))


def print_json(value: Any) -> None:
    """A value for a program."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_line_of_json(value: Any) -> None:
    """One of many values for a program that reads them as they come."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows in columns; their heads only where a person reads them."""
    lines = [[in_a_line(str(cell)) for cell in row] for row in rows]
    if on_terminal():
        lines.insert(0, list(head))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
