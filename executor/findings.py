"""What an examination finds: a sentence about one thing, and what to do about it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]

MOST_APART = 5.0  # seconds that two clocks may differ


@dataclass(frozen=True)
class Finding:
    """`wrong` is what the service cannot work with; `help` is what to do."""

    about: str
    state: State
    said: str
    help: str = ""


def ok(about: str, said: str, to_do: str = "") -> Finding:
    """It is as it should be."""
    return Finding(about, "ok", said, to_do)


def warning(about: str, said: str, to_do: str = "") -> Finding:
    """The service works, and not as well or as safely as it might."""
    return Finding(about, "warning", said, to_do)


def wrong(about: str, said: str, to_do: str = "") -> Finding:
    """The service cannot work."""
    return Finding(about, "wrong", said, to_do)


def works(findings: Iterable[Finding]) -> bool:
    """Whether nothing is wrong."""
    return all(finding.state != "wrong" for finding in findings)


def told(finding: Finding) -> str:
    """One line for a person."""
    helped = f" -> {finding.help}" if finding.help else ""
    return f"{finding.state:<8} {' '.join(f'{finding.about}: {finding.said}{helped}'.split())}"


def short(error: BaseException) -> str:
    """What an error says, in one line."""
    silent = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
    return " ".join(str(error).split()) or silent


def clock(about: str, theirs: float, ours: float) -> list[Finding]:
    """What two clocks that were read at once say, in seconds since 1970; nothing where they agree."""
    apart = theirs - ours
    if abs(apart) <= MOST_APART:
        return []
    word = "ahead of" if apart > 0 else "behind"
    return [
        warning(
            about,
            f"its clock is {abs(apart):.0f} s {word} this machine's",
            "let both follow NTP: jobs go by the database's clock, certificates and tokens by this one's",
        )
    ]
