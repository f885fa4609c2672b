"""The group of a claim's spec that says how its pods run."""

from typing import Literal, Self

from pydantic import Field, model_validator

from contract import Env
from function.claim.schema import fields
from function.claim.schema.groups import Group, rules

# The function gives these their values. The other EXECUTOR_* are the tenant's.
_SET_HERE = (
    Env.EXECUTOR_NAME,
    Env.EXECUTOR_SUBJECT_PREFIX,
    Env.EXECUTOR_STREAM_REPLICAS,
    Env.EXECUTOR_CONCURRENCY,
    Env.EXECUTOR_DRAIN_SECONDS,
    Env.EXECUTOR_RETRY_SECONDS,
    Env.EXECUTOR_AGENTS_INLINE,
    Env.EXECUTOR_AUTH,
    Env.EXECUTOR_JOBS_MAX_AGE_SECONDS,
    Env.EXECUTOR_RESULTS_MAX_AGE_SECONDS,
    Env.EXECUTOR_DEAD_LETTERS_MAX_AGE_SECONDS,
)
RESERVED = tuple(
    sorted(["TMPDIR", *(name.value for name in Env if name in _SET_HERE or not name.startswith("EXECUTOR_"))])
)
OURS = "app.kubernetes.io/"

IS_RESERVED = "this variable is set from other fields of the claim"
ONE_VALUE = "exactly one of value and valueFrom is required"


class SecretKeyRef(Group):
    """A key of a Secret in the claim's namespace."""

    name: fields.SecretName = Field(description="The name of the Secret.", examples=["search"])
    key: fields.SecretKey = Field(description="The key in it.", examples=["api-key"])
    optional: bool = Field(default=False, description="Whether pods start without it.")


class ValueFrom(Group):
    """Where a variable's value comes from."""

    secret_key_ref: SecretKeyRef = Field(description="A key of a Secret.")


class Variable(Group):
    """One more environment variable of the service."""

    model_config = rules(
        (f"!(self.name in {list(RESERVED)})", IS_RESERVED),
        ("has(self.value) != has(self.valueFrom)", ONE_VALUE),
    )

    name: fields.Variable = Field(description="The name of the variable.", examples=["EXECUTOR_LOG_LEVEL"])
    value: fields.Text | None = Field(default=None, description="Its value.", examples=["debug"])
    value_from: ValueFrom | None = Field(default=None, description="Where its value comes from.")

    @model_validator(mode="after")
    def _one_value(self) -> Self:
        if self.name in RESERVED:
            raise ValueError(IS_RESERVED)
        if (self.value is None) == (self.value_from is None):
            raise ValueError(ONE_VALUE)
        return self


class Amounts(Group):
    """CPU and memory."""

    cpu: fields.Quantity | None = Field(
        default=None, description="CPUs, or thousandths of one with m.", examples=["500m"]
    )
    memory: fields.Quantity | None = Field(default=None, description="Bytes.", examples=["2Gi"])


class Resources(Group):
    """What differs from the claim's size."""

    requests: Amounts = Field(default=Amounts(cpu=None, memory=None), description="What each pod has for itself.")
    limits: Amounts = Field(default=Amounts(cpu=None, memory=None), description="What each pod may take at most.")


EVERY_KEY = "without a key the operator must be Exists"
NO_VALUE = "with the operator Exists there is no value"
FOR_A_WHILE = "tolerationSeconds are for the effect NoExecute"


class Toleration(Group):
    """A taint that pods tolerate, as Kubernetes has it."""

    model_config = rules(
        ("has(self.key) || self.operator == 'Exists'", EVERY_KEY),
        ("!has(self.value) || self.operator == 'Equal'", NO_VALUE),
        ("!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')", FOR_A_WHILE),
    )

    key: fields.LabelKey | None = Field(
        default=None, description="The taint's key. By default every one.", examples=["pool"]
    )
    operator: Literal["Exists", "Equal"] = Field(default="Equal", description="Whether the value is compared.")
    value: fields.LabelValue | None = Field(default=None, description="The taint's value.", examples=["agents"])
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="The taint's effect. By default every one.", examples=["NoSchedule"]
    )
    toleration_seconds: int | None = Field(
        default=None, ge=0, le=86400, description="How long NoExecute is tolerated. By default for ever.", examples=[60]
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.key is None and self.operator == "Equal":
            raise ValueError(EVERY_KEY)
        if self.value is not None and self.operator == "Exists":
            raise ValueError(NO_VALUE)
        if self.toleration_seconds is not None and self.effect != "NoExecute":
            raise ValueError(FOR_A_WHILE)
        return self


class Pod(Group):
    """How the pods run, beyond the claim's size."""

    env: tuple[Variable, ...] = Field(
        default=(),
        max_length=64,
        strict=False,
        description="More environment variables, such as EXECUTOR_MAX_ATTEMPTS or OTEL_EXPORTER_OTLP_ENDPOINT.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    resources: Resources = Field(
        default=Resources(), description="CPU and memory that differ from the claim's size, one by one."
    )
    node_selector: dict[fields.LabelKey, fields.LabelValue] = Field(
        default={},
        max_length=16,
        description="The labels of the nodes that pods run on.",
        examples=[{"pool": "agents"}],
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), max_length=16, strict=False, description="The taints that pods tolerate."
    )
    priority_class_name: fields.ObjectName | None = Field(
        default=None, description="The PriorityClass of the pods.", examples=["batch"]
    )
    labels: dict[fields.LabelKey, fields.LabelValue] = Field(
        default={},
        max_length=32,
        description=f"More labels of the pods; keys that begin with {OURS} are the function's own.",
        examples=[{"team": "search"}],
    )
    annotations: dict[fields.LabelKey, fields.Text] = Field(
        default={},
        max_length=32,
        description="Annotations of the pods.",
        examples=[{"sidecar.istio.io/inject": "false"}],
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        named = [variable.name for variable in self.env]
        if len(named) != len(set(named)):
            raise ValueError("env must name each variable once")
        if any(key.startswith(OURS) for key in self.labels):
            raise ValueError(f"labels must not begin with {OURS}")
        return self
