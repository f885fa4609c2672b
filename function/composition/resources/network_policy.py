"""The NetworkPolicy: who may call the pods, and what they may call, never the cloud's metadata address."""

from functools import lru_cache
from ipaddress import ip_network
from typing import Any

import contract
from function.claim import nats
from function.claim.schema.fields import METADATA_ADDRESSES
from function.claim.schema.network import EgressTarget
from function.claim.xr import Agent
from function.composition.manifest import Manifest
from function.composition.resources import metadata

EVERYWHERE = ("0.0.0.0/0", "::/0")
DNS_PORTS = (53, 5353)  # the Service's, and what OpenShift's pods behind it listen on

Rule = dict[str, Any]


def build(agent: Agent) -> Manifest:
    """The policy of all pods of the claim, those of the Job as well."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata.of(agent, agent.base),
        "spec": {
            "podSelector": {"matchLabels": metadata.claim(agent)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [_ingress(agent)],
            "egress": _restricted(agent) if agent.spec.network.egress == "Restricted" else [_open()],
        },
    }


def _ingress(agent: Agent) -> Rule:
    namespaces = dict.fromkeys(agent.spec.network.ingress_namespaces)
    return {"from": [{"podSelector": {}}, *map(_namespace, namespaces)], "ports": [_port("TCP", contract.PORT)]}


def _open() -> Rule:
    """Pods are named as well as addresses: for some network plugins a block of addresses holds no pods."""
    return {"to": [{"namespaceSelector": {}}, *map(_block, EVERYWHERE)]}


def _restricted(agent: Agent) -> list[Rule]:
    return [_dns(), *_broker(agent), *map(_target, agent.spec.network.targets)]


def _dns() -> Rule:
    return {"ports": [_port(protocol, port) for port in DNS_PORTS for protocol in ("UDP", "TCP")]}


def _broker(agent: Agent) -> list[Rule]:
    """The servers of natsUrl that are Services; others are among the targets."""
    services = dict.fromkeys(nats.parse(agent.spec.nats_url).services)
    return [{"to": [_namespace(namespace)], "ports": [_port("TCP", port)]} for namespace, port in services]


def _target(target: EgressTarget) -> Rule:
    place = _namespace(target.namespace) if target.namespace else _block(target.cidr or "")
    ports = {"ports": [_port("TCP", port) for port in target.ports]} if target.ports else {}
    return {"to": [place], **ports}


def _namespace(name: str) -> Rule:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


@lru_cache(maxsize=256)
def _holes(cidr: str) -> tuple[str, ...]:
    """The metadata addresses in the network."""
    network = ip_network(cidr)
    held = [str(it) for it in METADATA_ADDRESSES if it.version == network.version and it.subnet_of(network)]  # type: ignore[arg-type]  # of one version
    return tuple(held)


def _block(cidr: str) -> Rule:
    holes = _holes(cidr)
    return {"ipBlock": {"cidr": cidr, **({"except": list(holes)} if holes else {})}}


def _port(protocol: str, port: int) -> Rule:
    return {"protocol": protocol, "port": port}
