"""Spans of time as people write them."""

import re
from typing import Any

import click

SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Span(click.ParamType[float]):
    """Seconds, or `90s`, `10m`, `2h`, `7d`."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """In seconds."""
        if isinstance(value, float):
            return value
        seconds = seconds_of(str(value))
        if seconds is None:
            self.fail(f"{value!r} is no span of time: write 90, 90s, 10m, 2h or 7d", param, ctx)
        return seconds


def seconds_of(text: str) -> float | None:
    """The seconds of a span; none where it is none."""
    found = SPAN.fullmatch(text)
    return float(found[1]) * SECONDS[found[2]] if found else None
