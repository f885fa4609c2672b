"""What a run showed, as a table for people and as JSON for programs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.chaos.history import WORKER_FAULTS, History
from tests.chaos.invariants import judge, recoveries
from tests.chaos.jobs import JOB
from tests.chaos.run import Figures, Options

SHOWN = 5
SUSPECTS = 20


@dataclass(frozen=True)
class Report:
    """The verdict on a history."""

    options: Options
    history: History
    figures: Figures
    broken: Mapping[str, Sequence[str]]

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not any(self.broken.values())

    def values(self) -> dict[str, Any]:
        """All of it as JSON."""
        recovered = recoveries(self.history)
        return {
            "seed": self.options.seed,
            "holds": self.holds,
            "jobs": len(self.history.asked),
            "model_calls": len(self.history.calls),
            "workers_started": len({vital.worker for vital in self.history.vitals}),
            "outcomes": dict(Counter(asked.word for asked in self.history.asked)),
            "answers": dict(Counter(answer.kind for answer in self.history.answers)),
            "faults": dict(sorted(Counter(_named(fault.kind) for fault in self.history.faults).items())),
            "jobs_per_second": {"calm": round(self.figures.calm, 1), "storm": round(self.figures.storm, 1)},
            "throughput_share": round(self.figures.storm / self.figures.calm, 2) if self.figures.calm else None,
            "recovery_seconds": _spread(recovered),
            "memory_mb": _spread([vital.memory for vital in self.history.vitals]),
            "descriptors": _spread([float(vital.descriptors) for vital in self.history.vitals]),
            "seconds": {act: round(seconds, 1) for act, seconds in self.figures.seconds.items()},
            "invariants": {name: list(found) for name, found in self.broken.items()},
            "spared": self._spared(),
            "evidence": {job: self._traced(job) for job in self._suspects()},
        }

    def _spared(self) -> list[tuple[float, float, int]]:
        """Seconds, MB and descriptors of the worker that was never killed: what a soak is plotted from."""
        mine = [vital for vital in self.history.vitals if vital.worker == f"w{self.options.workers}.1"]
        return [(round(v.at - mine[0].at, 1), round(v.memory, 1), v.descriptors) for v in mine]

    def _suspects(self) -> list[str]:
        found = {job for each in self.broken.values() for line in each for job in JOB.findall(line)}
        return sorted(found)[:SUSPECTS]

    def _traced(self, job: str) -> list[str]:
        """What happened to a job, in order: its calls, the faults that hit those who called, its events."""
        calls = [call for call in self.history.calls if call.job == job]
        workers = {call.worker for call in calls}
        told = [(call.at, f"step {call.step} by {call.worker}") for call in calls]
        facts = [fact for fact in self.history.facts if fact.about == job]
        told += [(fact.at, f"{fact.word} {fact.told or fact.asked or ''}") for fact in facts]
        told += [(answer.at, f"answered: {answer}") for answer in self.history.answers if answer.job == job]
        told += [(asked.at, f"asked for: {asked}") for asked in self.history.asked if asked.job == job]
        for fault in self.history.faults:
            if any(fault.hits(worker) for worker in workers):
                told.append((fault.at, f"{fault.kind} of {fault.target} for {fault.until - fault.at:.1f} s"))
        start = min((at for at, _ in told), default=0.0)
        return [f"{at - start:8.2f} {what}" for at, what in sorted(told)]

    def table(self) -> str:
        """All of it as lines."""
        values = self.values()
        broken = values.pop("invariants")
        del values["evidence"], values["spared"]
        lines = [f"{name.replace('_', ' '):<18} {_told(value)}" for name, value in values.items()]
        for name, found in broken.items():
            lines.append(f"{'BROKEN' if found else 'holds':<18} {name.replace('_', ' ')}")
            lines += [f"{'':<18} - {each}" for each in found[:SHOWN]]
            lines += [f"{'':<18} - and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "\n".join(lines)


def report(options: Options, history: History, figures: Figures) -> Report:
    """The verdict."""
    return Report(options, history, figures, judge(history))


def _named(kind: str) -> str:
    return f"worker {kind}" if kind in WORKER_FAULTS | {"rollout", "itself"} else kind


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"count": 0}
    return {"count": len(values), "median": round(median(values), 1), "worst": round(max(values), 1)}


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
