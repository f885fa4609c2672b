"""Which Crossplane calls, and what follows from it. Nothing else knows that Crossplane has versions, but the parser."""

from collections.abc import Iterable
from dataclasses import dataclass

from function.crossplane.options import InvalidInput, Options
from function.crossplane.targets import NATIVE, Objects, Target

# What Crossplane itself keeps in a composite's spec.
MACHINERY = frozenset({"crossplane"})
LEGACY_MACHINERY = frozenset(
    {
        "claimRef",
        "compositionRef",
        "compositionRevisionRef",
        "compositionRevisionSelector",
        "compositionSelector",
        "compositionUpdatePolicy",
        "environmentConfigRefs",
        "publishConnectionDetailsTo",
        "resourceRefs",
        "writeConnectionSecretToRef",
    }
)


@dataclass(frozen=True)
class Caller:
    """What tells one Crossplane from another.

    A namespaced composite is one of Crossplane v2; without a namespace, `claim` holds the claim's name and namespace.
    From 2.2 on Crossplane says what it can; `answers` is whether that includes answering requirements. `watches` is
    whether an Object is observed that has the field `watch`, as those of provider-kubernetes have from 0.14 on.
    """

    name: str
    namespace: str = ""
    claim: tuple[str, str] = ("", "")
    says_what_it_can: bool = False
    answers: bool = True
    watches: bool = False

    @property
    def legacy(self) -> bool:
        """Whether the composite belongs to a claim."""
        return not self.namespace


@dataclass(frozen=True)
class World:
    """What follows: whose resources they are, how they reach the cluster, and what Crossplane can be asked.

    Crossplane 1.x is asked for extra resources, which have no namespace, so that it shows no Secrets; it `answers`
    from 1.15 on. A `legacy` composite shows its conditions in its status, as Crossplane keeps none before 1.17, and
    waits by one of its resources, as Crossplane does not read whether it is ready itself before 1.18.
    """

    name: str
    namespace: str
    target: Target = NATIVE
    legacy: bool = False
    extra: bool = False
    answers: bool = True

    @property
    def shows_secrets(self) -> bool:
        """Whether Crossplane can be asked for Secrets."""
        return self.answers and not self.extra

    @property
    def machinery(self) -> frozenset[str]:
        """The fields of a composite's spec that are Crossplane's, not the tenant's."""
        return LEGACY_MACHINERY if self.legacy else MACHINERY


def decide(caller: Caller, options: Options) -> World:
    """The world that calls; InvalidInput where what the Composition says does not fit it, or it would have to say."""
    if not caller.legacy:
        return _namespaced(caller, options)
    name, namespace = caller.claim
    if options.compose == "Objects":
        reference = options.provider_config_ref
        target = Objects(caller.name, reference.name if reference else None, watch=caller.watches)
        extra = not caller.says_what_it_can
        return World(name, namespace, target, legacy=True, extra=extra, answers=caller.answers)
    if options.compose is None and not caller.says_what_it_can:
        raise InvalidInput("input.compose: is required: Objects on Crossplane 1.x, Native on 2.0 and 2.1")
    return World(name, namespace, legacy=True, answers=caller.answers)


def refuse_to_lose(world: World, otherwise: Iterable[str]) -> None:
    """Refuse an input by which Crossplane would delete `otherwise`, what the claim has in the cluster the other way."""
    names = ", ".join(sorted(otherwise))
    if names and world.target is NATIVE:
        raise InvalidInput(f"input.compose: must stay Objects until spec.deletionPolicy is Orphan in each of {names}")
    if names:
        raise InvalidInput(f"input.compose: must stay Native, Objects would be made after the deletion of {names}")


def _namespaced(caller: Caller, options: Options) -> World:
    if options.compose == "Objects":
        raise InvalidInput("input.compose: must be Native for a composite in a namespace; Objects are for claims")
    return World(caller.name, caller.namespace, answers=caller.answers)
