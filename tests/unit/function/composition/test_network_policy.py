"""Who may call the pods, and what they may call."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from function.claim.xr import Agent
from function.composition.resources import deployment, network_policy, streams_job

TCP_8080 = [{"protocol": "TCP", "port": 8080}]


def test_the_pods_of_the_namespace_and_those_that_scrape_may_call(agent: Agent) -> None:
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    assert spec(agent)["ingress"] == [{"from": [{"podSelector": {}}, monitoring], "ports": TCP_8080}]


def test_by_default_all_but_the_metadata_address_may_be_called(agent: Agent) -> None:
    (rule,) = spec(agent)["egress"]
    assert rule == {
        "to": [
            {"namespaceSelector": {}},
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}},
            {"ipBlock": {"cidr": "::/0", "except": ["fd00:ec2::254/128"]}},
        ]
    }


def test_the_policy_holds_for_the_pods_of_the_deployment_and_of_the_job(agent: Agent) -> None:
    wanted = spec(agent)["podSelector"]["matchLabels"].items()
    for manifest in (deployment.build(agent), streams_job.build(agent)):
        assert wanted <= manifest["spec"]["template"]["metadata"]["labels"].items()


def test_restricted_is_dns_the_broker_and_what_is_named(claim: Callable[..., Agent]) -> None:
    targets = [
        {"namespace": "databases", "ports": [5432]},
        {"cidr": "0.0.0.0/0", "ports": [443]},
        {"cidr": "10.0.0.0/8"},
    ]
    agent = claim(
        natsUrl="nats://nats.nats.svc,nats://b.nats.svc:4222,nats://other.example:4222",
        network={"egress": "Restricted", "targets": targets},
    )
    dns, *others = spec(agent)["egress"]
    assert {(port["protocol"], port["port"]) for port in dns["ports"]} >= {("UDP", 53), ("TCP", 53)}
    assert others == [
        {"to": [namespace("nats")], "ports": [{"protocol": "TCP", "port": 4222}]},
        {"to": [namespace("databases")], "ports": [{"protocol": "TCP", "port": 5432}]},
        {
            "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}],
            "ports": [{"protocol": "TCP", "port": 443}],
        },
        {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    ]


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "169.254.0.0/16", "::/0", "fd00::/8", "10.0.0.0/8"])
def test_no_block_of_addresses_holds_the_metadata_address(claim: Callable[..., Agent], address: str, cidr: str) -> None:
    agent = claim(network={"egress": "Restricted", "targets": [{"cidr": cidr}]})
    blocks = [place["ipBlock"] for rule in spec(agent)["egress"] for place in rule.get("to", ()) if "ipBlock" in place]
    for block in blocks:
        excluded = any(ip_address(address) in ip_network(hole) for hole in block.get("except", ()))
        assert excluded or ip_address(address) not in ip_network(block["cidr"])


def namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def spec(agent: Agent) -> dict[str, Any]:
    built: dict[str, Any] = network_policy.build(agent)["spec"]
    return built
