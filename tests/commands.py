"""What became of a command, wherever a test ran it."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Done:
    """Its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote, as JSON."""
        return json.loads(self.out)
