"""Values as JSON that may leave the process: whatever they hold, it is UTF-8 and every reader takes it. Pure."""

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

Form = Callable[[Any], Any]

DEEPEST = 240  # beyond what an input may nest, within what orjson takes
CUT = "..."  # in place of what lies deeper, or in itself
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_DATACLASS  # a dataclass may hold what its text leaves out

LONG = 2**63
MOST_BITS = 14_000  # Python writes no more than 4300 digits
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")

AS_IS = frozenset({str, bool, type(None)})
OBJECTS = (dict, Mapping)  # a dict is known sooner by its own class
ARRAYS = (list, tuple, set, frozenset)
BYTES = (bytes, bytearray, memoryview)


def dumps(value: Any) -> bytes:
    """Any value as JSON in UTF-8; never raises.

    Half a surrogate pair becomes U+FFFD, bytes base64, what has no JSON its text; a float that is no number is null.
    """
    try:
        return orjson.dumps(value, option=OPTIONS)
    except TypeError:  # it takes no half pair, no long number, no key that is no text, no deep nesting
        return unicode(json.dumps(plain(value, _usual), ensure_ascii=False)).encode()


def escaped(value: Any) -> str:
    """The same in ASCII, which every encoding of a database holds."""
    told = dumps(value).decode()
    return told if told.isascii() else NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], told)


def unicode(text: str) -> str:
    """The text as Unicode has it: two halves of a pair in a row are one character, a half alone is U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_unicode(text: str) -> bool:
    """Whether it holds no half of a surrogate pair."""
    return text.isascii() or unicode(text) == text


def text(value: Any, form: Callable[[Any], str] = str) -> str:
    """What a value says of itself, or of which class it is where that fails."""
    try:
        return form(value)
    except Exception:  # noqa: BLE001 - a class of somebody else's may raise anything
        return f"<{type(value).__name__}>"


def plain(value: Any, form: Form, above: tuple[int, ...] = ()) -> Any:
    """The value made of what JSON has, at any depth; never raises.

    `form` is what a value of another class is to be shown as, and a float that is no number; `above` is what holds it.
    """
    kind = type(value)
    if kind in AS_IS or (kind is int and -LONG < value < LONG) or (kind is float and math.isfinite(value)):
        return value
    if id(value) in above or len(above) == DEEPEST:
        return CUT
    try:
        return _plain(value, form, (*above, id(value)))
    except Exception:  # noqa: BLE001 - a class of somebody else's may raise anything
        return text(value)


def _plain(value: Any, form: Form, above: tuple[int, ...]) -> Any:
    if isinstance(value, OBJECTS):
        return {key if type(key) is str else text(key): plain(item, form, above) for key, item in value.items()}
    if isinstance(value, ARRAYS):
        return [plain(item, form, above) for item in value]
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return _number(value, form)
    if isinstance(value, BYTES):
        return base64.b64encode(value).decode()
    return plain(form(value), form, above)


def _number(value: float, form: Form) -> Any:
    if isinstance(value, int):
        return value if value.bit_length() < MOST_BITS else text(value)
    return float(value) if math.isfinite(value) else form(value)


def _usual(value: Any) -> Any:
    """What orjson makes of a value, or its text."""
    try:
        return orjson.loads(orjson.dumps(value, option=OPTIONS))
    except TypeError:
        return text(value)
