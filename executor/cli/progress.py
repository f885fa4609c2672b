"""What a person sees while a command waits: one line on stderr that is gone at the end."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from executor.cli.printing import in_a_line

CLEAR = "\r\x1b[K"
WIDTH = 60  # what is longer than the terminal is wide would stay there


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Say how it goes; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda text: _say(f"{CLEAR}{in_a_line(text)[:WIDTH]}")
    finally:
        _say(CLEAR)


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
