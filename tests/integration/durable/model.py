"""What the ledger must answer: jobs on two threads, messages in the stream, and claims; no database is asked."""

from dataclasses import dataclass

from executor.jobs.claims import Blocked, Busy, Claim, Finished

JOBS = ("a@t", "b@t", "c@t", "x@u")
TERMINAL = ("completed", "failed", "cancelled")


@dataclass
class Row:
    """What the model knows of a job that is in the ledger."""

    name: str
    place: int
    status: str = "new"
    epoch: int = 0
    attempts: int = 0
    leased: bool = False
    begun: bool = False
    cancelling: bool = False
    wakes: int = 0

    @property
    def thread(self) -> str:
        return self.name.partition("@")[2]

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL

    @property
    def unfinished(self) -> bool:
        return self.status != "new" and not self.ended


@dataclass(frozen=True)
class Asked:
    """A message in the stream: the original or a wake."""

    name: str
    wake: int = 0


@dataclass(eq=False)
class Held:
    """A worker's claim and the message that it has not acknowledged."""

    name: str
    claim: Claim
    message: Asked


class Model:
    """A few jobs, each message that is not acknowledged, and who has a claim; a step that was taken is noted here."""

    def know_messages(self) -> None:
        """Every job has been sent, and none is in the ledger."""
        self.rows = {name: Row(name, place) for place, name in enumerate(JOBS, 1)}
        self.messages = [Asked(name) for name in JOBS]
        self.held: list[Held] = []
        self.begins: list[str] = []

    def note_begun(self, row: Row, claim: Claim, message: Asked) -> None:
        assert (claim.epoch, claim.attempt, claim.cancelling) == (row.epoch + 1, row.attempts + 1, row.cancelling)
        if not row.begun:
            self.begins.append(row.name)
        row.status, row.epoch, row.attempts = "running", claim.epoch, claim.attempt
        row.leased = row.begun = True
        if message in self.messages:
            self.held.append(Held(row.name, claim, message))

    def expected(self, row: Row) -> type:
        if row.ended or row.status == "interrupted":
            return Finished
        if row.status == "running" and row.leased:
            return Busy
        others = [other for other in self.rows.values() if other.thread == row.thread and other is not row]
        first = any(other.unfinished and (other.begun or other.place < row.place) for other in others)
        return Blocked if first and not row.begun else Claim

    def owns(self, held: Held) -> bool:
        row = self.rows[held.name]
        return row.status == "running" and row.epoch == held.claim.epoch

    def acknowledge(self, held: Held) -> None:
        if held.message in self.messages:
            self.messages.remove(held.message)

    def nexts(self) -> list[str]:
        """Whoever is next on each free thread."""
        names = []
        for thread in ("t", "u"):
            mine = [row for row in self.rows.values() if row.thread == thread and row.unfinished]
            if not any(row.begun or row.status == "queued" for row in mine):
                names += [row.name for row in mine if row.status == "parked"][:1]
        return names

    def postponed(self) -> list[str]:
        """Those that wait for the world, and have begun."""
        return [row.name for row in self.rows.values() if row.status == "parked" and row.begun]

    def note_woken(self, name: str) -> None:
        row = self.rows[name]
        row.status, row.wakes = "queued", row.wakes + 1
        self.messages.append(Asked(name, row.wakes))
