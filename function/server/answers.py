"""Answers that were given: the same request has the same answer for ever, so that it need not be made twice."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """One answer as it goes over the wire, and what the metrics call it."""

    outcome: str
    content: bytes


class Answers:
    """The answers to the requests that came last, bounded in number and in bytes."""

    def __init__(self, most: int = 4096, most_bytes: int = 32 * MEGABYTE) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()
        self._bytes = 0

    def find(self, key: bytes) -> Answer | None:
        """The answer to that request, if it is still kept; it is then the last that will be forgotten."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keep the answer to a request that `find` did not know, and forget what was not asked for the longest."""
        self._kept[key] = answer
        self._bytes += len(answer.content)
        while self._bytes > self._most_bytes or len(self._kept) > self._most:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= len(forgotten.content)


def key(request: fnv1.RunFunctionRequest) -> bytes:
    """A digest of all that the request says, its tag included.

    Neither the tag nor the bytes that came would do. Crossplane makes the tag before it asks for what a function
    requires, so that all rounds of one reconcile have the same; and it writes maps in no order, so that the same
    request never comes as the same bytes.
    """
    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
