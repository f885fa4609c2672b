"""A small Kubernetes client: get, list, apply, patch, delete and watch, over REST."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import yaml

from executor.embedded.loopback import wait_until
from tools.cluster.authority import Pair

Document = dict[str, Any]

OWNER = "agent-executor-tools"
LIMIT = 30.0
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Refused(Exception):
    """The API server said no; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Kind:
    """A kind of object, such as Kind("apps/v1", "Deployment")."""

    api: str
    name: str

    @classmethod
    def of(cls, document: Document) -> "Kind":
        """The kind that a document says it is of."""
        return cls(document["apiVersion"], document["kind"])

    @property
    def root(self) -> str:
        """Where the API server has what is of its version."""
        return f"/apis/{self.api}" if "/" in self.api else f"/api/{self.api}"


@dataclass(frozen=True)
class Access:
    """A way in: where the API server is, whom it is signed by, and who asks, by certificate or by token."""

    url: str
    authority: Path
    user: Pair | str

    def write(self, file: Path) -> Path:
        """A kubeconfig, which holds all of it; JSON is YAML."""
        cluster = {"server": self.url, "certificate-authority-data": _encoded(self.authority)}
        user = {"token": self.user} if isinstance(self.user, str) else _certificate(self.user)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "local",
            "clusters": [{"name": "local", "cluster": cluster}],
            "users": [{"name": "local", "user": user}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        }
        file.touch(mode=0o600)
        file.write_text(json.dumps(config, indent=2))
        return file

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Kube"]:
        """A client."""
        context = ssl.create_default_context(cafile=str(self.authority))
        headers = {}
        if isinstance(self.user, str):
            headers["Authorization"] = f"Bearer {self.user}"
        else:
            context.load_cert_chain(self.user.certificate, self.user.key)
        async with httpx.AsyncClient(
            base_url=self.url, verify=context, headers=headers, timeout=LIMIT, trust_env=False
        ) as http:
            yield Kube(http, self)


class Kube:
    """The API server, as one user sees it. Objects are JSON documents; a missing one is None."""

    def __init__(self, http: httpx.AsyncClient, access: Access) -> None:
        self.access = access
        self._http = http
        self._resources: dict[Kind, Mapping[str, Any]] = {}

    async def ready(self) -> bool:
        """Whether it serves."""
        try:
            return (await self._http.get("/readyz")).status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Document | None:
        """One object, None where it or its kind is missing."""
        try:
            return await self._call("GET", await self._path(kind, namespace, name))
        except Refused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def every(self, kind: Kind, namespace: str = "", selector: str = "") -> list[Document]:
        """The objects of a namespace, or of all."""
        params = {"labelSelector": selector} if selector else {}
        found = await self._call("GET", await self._path(kind, namespace), params=params)
        items: list[Document] = found["items"]
        return items

    async def apply(self, document: Document, *, owner: str = OWNER) -> Document:
        """Apply on the server, as `kubectl apply --server-side --force-conflicts` does."""
        metadata = document["metadata"]
        path = await self._path(Kind.of(document), metadata.get("namespace", ""), metadata["name"])
        params = {"fieldManager": owner, "force": "true"}
        return await self._call("PATCH", path, document, params=params, form=APPLY)

    async def patch(
        self, kind: Kind, name: str, change: Document, namespace: str = "", *, within: str = ""
    ) -> Document:
        """Merge a change into an object, or into a subresource of it, such as its status."""
        return await self._call("PATCH", await self._path(kind, namespace, name, within), change, form=MERGE)

    async def token(self, name: str, namespace: str) -> str:
        """A token of a ServiceAccount, for a day."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}
        token: str = (await self._call("POST", path, wish))["status"]["token"]
        return token

    async def bind(self, pod: Document, node: str) -> None:
        """Give a pod to a node, as a scheduler does."""
        metadata = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        wish = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target}
        await self._call("POST", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding", wish)

    async def allows(self, user: str, kind: Kind, verb: str) -> bool:
        """Whether a user may do it everywhere, as `kubectl auth can-i` asks."""
        group, _, _ = kind.api.rpartition("/")
        attributes = {"verb": verb, "group": group, "resource": (await self._resource(kind))["name"]}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        asked = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        answer = await self._call("POST", path, {**asked, "spec": {"user": user, "resourceAttributes": attributes}})
        return bool(answer["status"]["allowed"])

    async def delete(self, kind: Kind, name: str, namespace: str = "", *, at_once: bool = False) -> None:
        """Delete an object, if it is there; `at_once` as only a node may delete a pod."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        try:
            path = await self._path(kind, namespace, name)
            await self._call("DELETE", path, {**body, **({"gracePeriodSeconds": 0} if at_once else {})})
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                raise

    async def watch(self, kind: Kind, namespace: str = "") -> AsyncIterator[tuple[str, Document]]:
        """Everything there is as one LISTED, then each ADDED, MODIFIED and DELETED; another LISTED after a break."""
        path = await self._path(kind, namespace)
        while True:
            listed = await self._call("GET", path)
            yield "LISTED", listed
            params = {"watch": "1", "resourceVersion": listed["metadata"]["resourceVersion"]}
            endless = httpx.Timeout(LIMIT, read=None)
            async with self._http.stream("GET", path, params=params, timeout=endless) as answer:
                async for line in answer.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    yield event["type"], event["object"]

    async def until(
        self,
        kind: Kind,
        name: str,
        holds: Callable[[Document | None], object],
        namespace: str = "",
        *,
        limit: float = LIMIT,
    ) -> Document | None:
        """Wait until an object is as it should be, or None holds: TimeoutError shows its status as it is then."""
        seen: Document | None = None

        async def is_so() -> bool:
            nonlocal seen
            seen = await self.get(kind, name, namespace)
            return bool(holds(seen))

        try:
            await wait_until(f"{kind.name} {name} is as it should be", is_so, limit, every=0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {json.dumps((seen or {}).get('status'))}") from None
        return seen

    async def _call(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        params: Mapping[str, str] | None = None,
        form: str = "application/json",
    ) -> Document:
        content = None if body is None else json.dumps(body)
        answer = await self._http.request(method, path, content=content, params=params, headers={"Content-Type": form})
        said: Document = _said(answer)
        if answer.is_error:
            raise Refused(answer.status_code, said.get("message") or answer.text)
        return said

    async def _path(self, kind: Kind, namespace: str, name: str = "", within: str = "") -> str:
        resource = await self._resource(kind)
        place = f"namespaces/{namespace}" if namespace and resource["namespaced"] else ""
        return "/".join(part for part in (kind.root, place, resource["name"], name, within) if part)

    async def _resource(self, kind: Kind) -> Mapping[str, Any]:
        """What the kind is called in a path; asked of the server once it knows."""
        if kind not in self._resources:
            for resource in (await self._call("GET", kind.root))["resources"]:
                if "/" not in resource["name"]:
                    self._resources[Kind(kind.api, resource["kind"])] = resource
        if kind not in self._resources:
            raise Refused(HTTPStatus.NOT_FOUND, f"the server has no {kind.name} in {kind.api}")
        return self._resources[kind]


async def together(*tasks: Awaitable[Any]) -> None:
    """Do all at once, and wait for all."""
    await asyncio.gather(*tasks)


def condition(document: Document | None, kind: str) -> Document:
    """A condition of an object; an Unknown one where it has none of that type."""
    for entry in ((document or {}).get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            return dict(entry)
    return {"type": kind, "status": "Unknown", "reason": "", "message": ""}


def is_true(kind: str) -> Callable[[Document | None], bool]:
    """Whether an object has the condition."""
    return lambda document: bool(condition(document, kind)["status"] == "True")


def gone(document: Document | None) -> bool:
    """Whether an object is missing."""
    return document is None


def documents(text: str) -> list[Document]:
    """The documents of a YAML text; by the parser in C, as definitions are long."""
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def _said(answer: httpx.Response) -> Document:
    try:
        said: Document = answer.json()
    except ValueError:
        return {}
    return said


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _certificate(pair: Pair) -> dict[str, str]:
    return {"client-certificate-data": _encoded(pair.certificate), "client-key-data": _encoded(pair.key)}
