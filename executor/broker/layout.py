"""What lies on the broker: three streams and the workers' consumer. Pure."""

from dataclasses import dataclass

from executor.settings import ACK_WAIT, NatsSettings

DUPLICATE_WINDOW = 600.0  # longer than any retry of a publication takes, so that its id is still known


@dataclass(frozen=True)
class Stream:
    """A stream on file with limits; ages in seconds."""

    name: str
    subjects: tuple[str, ...]
    max_age: float
    setting: str  # what to change when another stream already holds the subjects
    replicas: int
    duplicate_window: float = DUPLICATE_WINDOW


@dataclass(frozen=True)
class Consumer:
    """The durable pull consumer that all workers of one service share; times in seconds."""

    name: str
    stream: str
    filter_subject: str
    ack_wait: float = ACK_WAIT
    max_ack_pending: int = 10_000
    max_deliver: int = -1  # attempts are counted in the ledger, or a job that kills its worker would go silent

    def meets(self, filters: tuple[str, ...]) -> bool:
        """Whether a consumer with these filters would see the same messages."""
        return any(overlap(self.filter_subject, other) for other in filters)


@dataclass(frozen=True)
class Layout:
    """All that a service needs on the broker."""

    streams: tuple[Stream, ...]
    consumer: Consumer


def layout(nats: NatsSettings) -> Layout:
    """The streams and the consumer that the settings ask for."""
    kinds = (
        (nats.stream, "execute", nats.jobs_max_age),
        (nats.status_stream, "status", nats.results_max_age),
        (nats.dead_letter_stream, "dlq", nats.dead_letters_max_age),
    )
    setting = "EXECUTOR_SUBJECT_PREFIX (streams.subjectPrefix in the claim)"
    return Layout(
        streams=tuple(
            Stream(name, (nats.subject(word, "*"),), max_age, setting, nats.replicas) for name, word, max_age in kinds
        ),
        consumer=Consumer(nats.consumer, nats.stream, nats.subject("execute", "*")),
    )


def overlap(one: str, other: str) -> bool:
    """Whether one subject can match both patterns, by NATS's wildcards `*` and `>`."""
    ours, theirs = one.split("."), other.split(".")
    for a, b in zip(ours, theirs, strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return len(ours) == len(theirs)
