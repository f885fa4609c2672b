"""For how long a service may be away under a command that waits: a rollout is no reason to give up."""

import time

from executor.cli.exits import Exit, Stopped

LONGEST = 30.0
PAUSE = 1.0


class Outage:
    """What has been missed since the service answered last; one that never answered is not waited for."""

    def __init__(self) -> None:
        self._answered: float | None = None

    def is_over(self) -> None:
        """Note that it answers."""
        self._answered = time.monotonic()

    def goes_on(self, error: Stopped) -> None:
        """Pause before the next try; raises the error where there shall be none."""
        lasts = None if self._answered is None else time.monotonic() - self._answered
        if error.status is not Exit.UNREACHABLE or lasts is None or lasts > LONGEST:
            raise error
        time.sleep(PAUSE)
