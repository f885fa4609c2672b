"""RunFunction as gRPC calls it, each call counted and timed."""

from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.fn import run
from function.server import answers
from function.server.answers import Answer, Answers
from function.server.metrics import Metrics


class FunctionRunner:
    """The function as a gRPC service, whose answers are bytes."""

    def __init__(self, metrics: Metrics, given: Answers) -> None:
        self._metrics = metrics
        self._given = given

    async def RunFunction(  # noqa: N802 - the name is gRPC's
        self, request: fnv1.RunFunctionRequest, _: object
    ) -> bytes:
        """Answer one call."""
        with self._metrics.call() as call:
            key = answers.key(request)
            answer = self._given.find(key)
            if answer is None:
                answer = _answer(request)
                self._given.keep(key, answer)
            call.outcome = answer.outcome
        return answer.content


def _answer(request: fnv1.RunFunctionRequest) -> Answer:
    """Maps have no order; here they get one, so that the same answer is the same bytes."""
    answer = run(request)
    fatal = any(result.severity == fnv1.SEVERITY_FATAL for result in answer.results)
    return Answer("refused" if fatal else "composed", answer.SerializeToString(deterministic=True))
