"""What a claim's status holds, beside the conditions that Crossplane keeps."""

from pydantic import Field

from function.claim.schema.groups import Group


class StreamNames(Group):
    """The streams and the consumer on the broker."""

    jobs: str = Field(default="", description="The stream that jobs are published to.")
    status: str = Field(default="", description="The stream that results are published to.")
    dead_letters: str = Field(default="", description="The stream of what could not be processed.")
    consumer: str = Field(default="", description="The durable consumer of the jobs.")


class Status(Group):
    """What became of the claim."""

    endpoint: str = Field(default="", description="The URL of the service inside the cluster.")
    image: str = Field(default="", description="The image that the Deployment is asked to run.")
    replicas: int = Field(default=0, description="The pods that the Deployment has.")
    streams: StreamNames = Field(default=StreamNames(), description="The streams and the consumer on the broker.")
    waiting_for: tuple[str, ...] = Field(
        default=(), description="What is not ready or not there, as Kind/name: composed resources and missing Secrets."
    )


class Said(Group):
    """What a condition says."""

    status: str = Field(default="", description="True, False or Unknown.")
    reason: str = Field(default="", description="The reason, for programs.")
    message: str = Field(default="", description="The message, for people.")


class Progress(Group):
    """What the conditions say, where Crossplane keeps none of a function's."""

    secrets_ready: Said = Field(default=Said(), description="What the condition SecretsReady says.")
    streams_ready: Said = Field(default=Said(), description="What the condition StreamsReady says.")
    deployed: Said = Field(default=Said(), description="What the condition Deployed says.")
    scaling: Said = Field(default=Said(), description="What the condition Scaling says.")
    reachable: Said = Field(default=Said(), description="What the condition Reachable says.")


class ClaimStatus(Status):
    """What became of the claim."""

    progress: Progress = Field(
        default=Progress(), description="What the conditions say; Crossplane before 1.17 keeps none of a function's."
    )
