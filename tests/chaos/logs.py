"""What the workers' logs must not hold: secrets, and what was not foreseen."""

from collections.abc import Sequence
from pathlib import Path

ERROR = '"level": "error"'


def leaks(folder: Path, words: Sequence[str]) -> list[str]:
    """Each log that holds one of the words."""
    return [f"{log.name} holds a secret" for log in folder.glob("*.log") for word in words if word in _text(log)]


def bugs(folder: Path) -> list[str]:
    """Each line that is an error."""
    lines = ((log.name, line) for log in sorted(folder.glob("*.log")) for line in _text(log).splitlines())
    return [f"{name}: {line[:300]}" for name, line in lines if ERROR in line]


def _text(log: Path) -> str:
    return log.read_text(errors="replace")
