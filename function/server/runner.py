"""RunFunction as gRPC calls it, each call counted and timed."""

import grpc
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from function.fn import run
from function.server.metrics import Metrics

Context = grpc.aio.ServicerContext[fnv1.RunFunctionRequest, fnv1.RunFunctionResponse]


class FunctionRunner:
    """The function as a gRPC service."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def RunFunction(  # noqa: N802 - the name is gRPC's
        self, request: fnv1.RunFunctionRequest, _: Context
    ) -> fnv1.RunFunctionResponse:
        """Answer one call."""
        with self._metrics.call() as call:
            answer = run(request)
            fatal = any(result.severity == fnv1.SEVERITY_FATAL for result in answer.results)
            call.outcome = "refused" if fatal else "composed"
        return answer
