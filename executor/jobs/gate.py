"""A gate before a provider: closed where it refuses again and again, opened by one probe. Pure; times in seconds."""

from dataclasses import dataclass, field
from random import Random

REFUSALS = 5  # in a row, without a success
FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0


@dataclass
class Gate:
    """What this process knows of one provider, base URL and model; whoever asks brings the time."""

    jitter: Random = field(default_factory=Random, repr=False)
    known_good: bool = False  # a call has succeeded, and none has closed it since
    refusals: int = 0
    probe_at: float = 0.0
    delay: float = 0.0
    line: int = 0  # how many were turned away since it closed
    last: str = ""  # what the last refusal said

    @property
    def is_closed(self) -> bool:
        """Whether calls have to wait for a probe."""
        return self.refusals >= REFUSALS

    def wait(self, now: float) -> float:
        """Seconds until the next probe, 0 where a call may go now."""
        return max(self.probe_at - now, 0.0) if self.is_closed else 0.0

    def enter(self, now: float) -> float:
        """Go through, or learn how many seconds to wait; who goes through a closed gate is its probe, and alone.

        Those who are turned away stand in line, a probe's time apart: else all would come again with each probe.
        """
        wait = self.wait(now)
        if not self.is_closed:
            return 0.0
        if not wait:
            self.probe_at = now + self.delay
            return 0.0
        return self.turn_away(now)

    def turn_away(self, now: float) -> float:
        """Seconds until it is the turn of whoever comes to the closed gate now."""
        self.line += 1
        return self.wait(now) + (self.line - 1) * self.delay

    def succeeded(self) -> bool:
        """The provider answered; whether that was news."""
        news, self.known_good = not self.known_good, True
        self.refusals, self.delay, self.line = 0, 0.0, 0
        return news

    def refused(self, now: float, after: float | None, last: str) -> None:
        """The provider refused a call, and asks to wait so many seconds, if it does."""
        self.refusals += 1
        self.last = last
        if self.is_closed:
            self.known_good = False
            self.delay = min(max(FIRST_DELAY, self.delay * 2), LONGEST_DELAY)
            self.probe_at = now + max(self.jitter.uniform(self.delay / 2, self.delay), after or 0.0)
