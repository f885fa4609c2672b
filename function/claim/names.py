"""Names that Kubernetes accepts, derived from any claim name it accepts; what is too long or too free gets a hash."""

import hashlib
import json
import re
from typing import Any

LABEL_LIMIT = 63
SUBDOMAIN_LIMIT = 253
CONSUMER_LIMIT = 200
DIGEST_LENGTH = 8

# RFC 1035, the strictest of Kubernetes' rules: it holds for Services, and as a label's value.
LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def label(*parts: str) -> str:
    """Join the parts into a DNS label that begins with a letter."""
    whole = "-".join(parts)
    if len(whole) <= LABEL_LIMIT and LABEL.fullmatch(whole):
        return whole
    plain = whole.replace(".", "-")
    return _with_digest(plain if plain[0].isalpha() else f"x{plain}", whole, LABEL_LIMIT)


def subdomain(*parts: str) -> str:
    """Join the parts into a DNS subdomain; the first is one already."""
    whole = "-".join(parts)
    return whole if len(whole) <= SUBDOMAIN_LIMIT else _with_digest(whole, whole, SUBDOMAIN_LIMIT)


def consumer(*parts: str) -> str:
    """Join the parts into the name of a NATS consumer, which has no dots."""
    whole = "-".join(parts)
    if len(whole) <= CONSUMER_LIMIT and "." not in whole:
        return whole
    return _with_digest(whole.replace(".", "-"), whole, CONSUMER_LIMIT)


def digest(value: Any) -> str:
    """Eight hex digits that change with the JSON value."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGEST_LENGTH]


def _with_digest(text: str, whole: str, limit: int) -> str:
    return f"{text[: limit - DIGEST_LENGTH - 1].rstrip('-.')}-{digest(whole)}"
