"""The kinds of values that a claim's fields hold: each with its pattern, and in our words what it must be."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from function.claim import nats

IMAGE = (
    r"^(([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])"
    r"(:[0-9]+)?/)?"
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,})?$"
)
SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
LABEL_VALUE = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
QUALIFIED = SUBDOMAIN.replace("^", "^(", 1).replace("$", "/)?") + r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
NATS_NAME = r"^[A-Za-z0-9_-]+$"
NATS_URL = r"^(nats|tls)://[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*(,((nats|tls)://)?[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*)*$"
SUBJECT = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"
ENDPOINT = r"^[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*:[0-9]{1,5}$"
HTTP_URL = r"^https?://[A-Za-z0-9\[][A-Za-z0-9._:\[\]-]*(/[^\s@?#]*)?$"
STORE_PATH = r"^/?[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
INTERVAL = r"^[0-9]+[smh]$"
QUANTITY = r"^[0-9]+([.][0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
SECRET_KEY = r"^[-._a-zA-Z0-9]+$"  # noqa: S105 - a pattern
FILE = r"^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
CIDR = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"
ACCOUNT = r"^\S+$"
LINE = r"^\S([^\r\n]*\S)?$"

METADATA_ADDRESSES = (IPv4Network("169.254.169.254/32"), IPv6Network("fd00:ec2::254/128"))


def _matching(pattern: str, meaning: str, *, may_be_empty: bool = False) -> AfterValidator:
    compiled = re.compile(pattern.removesuffix("$") + r"\Z")

    def check(text: str) -> str:
        if not text and not may_be_empty:
            raise ValueError("must not be empty")
        if not compiled.match(text):
            raise ValueError(f"must be {meaning}")
        return text

    return AfterValidator(check)


def _network(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError("must be a network such as 10.0.0.0/8") from None
    if network in METADATA_ADDRESSES:
        raise ValueError("must not be the cloud's metadata address")
    return text


# The schema's pattern is for the API server, the validator's words are for the tenant.
Image = Annotated[
    str,
    Field(max_length=512, json_schema_extra={"pattern": IMAGE}),
    _matching(IMAGE, "an image such as registry.example/team/app:v1"),
]
SecretName = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": SUBDOMAIN}),
    _matching(SUBDOMAIN, "the name of a Secret"),
]
ConfigMapName = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": SUBDOMAIN}),
    _matching(SUBDOMAIN, "the name of a ConfigMap"),
]
ConfigMapKey = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": FILE}),
    _matching(FILE, "a key of a ConfigMap"),
]
SecretKey = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": SECRET_KEY}),
    _matching(SECRET_KEY, "a key of a Secret"),
]
ObjectName = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": SUBDOMAIN}),
    _matching(SUBDOMAIN, "the name of a Kubernetes object"),
]
Namespace = Annotated[
    str,
    Field(max_length=63, json_schema_extra={"pattern": LABEL}),
    _matching(LABEL, "the name of a namespace"),
]
LabelKey = Annotated[
    str,
    Field(max_length=317),
    _matching(QUALIFIED, "a key such as example.com/team"),
]
LabelValue = Annotated[
    str,
    Field(max_length=63, json_schema_extra={"pattern": LABEL_VALUE}),
    _matching(LABEL_VALUE, "a label's value", may_be_empty=True),
]
Text = Annotated[str, Field(max_length=4096)]
Line = Annotated[
    str,
    Field(max_length=253, json_schema_extra={"pattern": LINE}),
    _matching(LINE, "text in one line, without spaces around it"),
]
Variable = Annotated[
    str,
    Field(max_length=128, json_schema_extra={"pattern": VARIABLE}),
    _matching(VARIABLE, "the name of an environment variable"),
]
Quantity = Annotated[
    str,
    Field(max_length=16, json_schema_extra={"pattern": QUANTITY}),
    _matching(QUANTITY, "a quantity such as 500m or 2Gi"),
]
NatsName = Annotated[
    str,
    Field(max_length=200, json_schema_extra={"pattern": NATS_NAME}),
    _matching(NATS_NAME, "letters, digits, - and _"),
]
NatsUrl = Annotated[
    str,
    Field(max_length=1024, json_schema_extra={"pattern": NATS_URL}),
    AfterValidator(lambda url: nats.parse(url).url),
]
Subject = Annotated[
    str,
    Field(max_length=100, json_schema_extra={"pattern": SUBJECT}),
    _matching(SUBJECT, "words of letters, digits, - and _ between dots"),
]
Endpoint = Annotated[
    str,
    Field(max_length=261, json_schema_extra={"pattern": ENDPOINT}),
    AfterValidator(nats.endpoint),
]
Account = Annotated[
    str,
    Field(max_length=200, json_schema_extra={"pattern": ACCOUNT}),
    _matching(ACCOUNT, "the name of a NATS account"),
]
HttpUrl = Annotated[
    str,
    Field(max_length=1024, json_schema_extra={"pattern": HTTP_URL}),
    _matching(HTTP_URL, "an http:// or https:// URL without credentials"),
]
StorePath = Annotated[
    str,
    Field(max_length=512, json_schema_extra={"pattern": STORE_PATH}),
    _matching(STORE_PATH, "a path such as /team/prod/agent-executor"),
]
Interval = Annotated[
    str,
    Field(max_length=10, json_schema_extra={"pattern": INTERVAL}),
    _matching(INTERVAL, "a time such as 30s, 15m or 1h"),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Cidr = Annotated[
    str,
    Field(max_length=49, json_schema_extra={"pattern": CIDR}),
    AfterValidator(_network),
]
