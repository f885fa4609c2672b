"""What a platform team installs for its tenants, and what a tenant has before it writes a claim."""

from collections.abc import Mapping

from contract import Env
from tools.cluster.crossplane import applied
from tools.cluster.kube import Document, Kind, Kube, documents, is_true
from tools.rendering import COMPOSITION, ROOT, XRD

CLAIM = Kind("platform.bizmatters.io/v1alpha1", "AgentExecutor")
LEGACY = ROOT / "apis/v1"
RBAC = ROOT / "package/rbac.yaml"
EXAMPLE = ROOT / "examples/claim.yaml"


async def install(kube: Kube, *, legacy: bool) -> None:
    """The roles, the XRD and the Composition of this checkout; again for what changed."""
    xrd, composition = (LEGACY / "xrd.yaml", LEGACY / "composition.yaml") if legacy else (XRD, COMPOSITION)
    for file in (RBAC, xrd, composition):
        for document in documents(file.read_text()):
            await applied(kube, document)
    [definition] = documents(xrd.read_text())
    served = is_true("Offered" if legacy else "Established")
    await kube.until(Kind.of(definition), definition["metadata"]["name"], served)


async def welcome(kube: Kube, claim: Document, environment: Mapping[str, str]) -> None:
    """The namespace and the Secrets that a claim names, with what leads to these servers."""
    metadata, spec = claim["metadata"], claim["spec"]
    await kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": metadata["namespace"]}})
    connection = {key: value for key, value in environment.items() if not key.startswith("NATS_")}
    for field in ("postgres", "dragonfly"):
        name = spec.get(f"{field}ConnectionSecret", f"{metadata['name']}-{field}")
        await _secret(kube, name, metadata["namespace"], connection)
    keys = {Env.OPENAI_API_KEY.value: "scripted"}
    await _secret(kube, spec.get("llmKeysSecret", f"{metadata['name']}-llm-keys"), metadata["namespace"], keys)
    for name in spec.get("imagePullSecrets", ()):
        await _secret(kube, name, metadata["namespace"], {".dockerconfigjson": '{"auths": {}}'})


async def _secret(kube: Kube, name: str, namespace: str, values: Mapping[str, str]) -> None:
    kind = "kubernetes.io/dockerconfigjson" if ".dockerconfigjson" in values else "Opaque"
    metadata = {"name": name, "namespace": namespace}
    values = {str(key): value for key, value in values.items()}
    await kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": values})
