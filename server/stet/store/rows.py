"""Records to JSON columns and back. JSON is ASCII, so that lone surrogates survive a store that speaks UTF-8."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import cattrs

from stet.core.records import AcceptedSpan, Adapter, EditRecord, Suggestion, TrainingRun
from stet.core.retention import Retention

T = TypeVar("T")

_CONVERTER = cattrs.Converter(forbid_extra_keys=False)


def key(text: str) -> str:
    """`text` as a column to be looked for: the same but for lone surrogates, which are no UTF-8 and are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def to_json(record: Suggestion | AcceptedSpan | EditRecord | Adapter | TrainingRun | Retention) -> str:
    """The whole record as one ASCII JSON object."""
    return json.dumps(_CONVERTER.unstructure(record), ensure_ascii=True, separators=(",", ":"))


def to_plain(record: EditRecord) -> dict[str, Any]:
    """The whole record as plain values, for an export."""
    plain: dict[str, Any] = _CONVERTER.unstructure(record)
    return plain


def from_json(text: str, kind: type[T]) -> T:
    """The record that `to_json` wrote; fields that have come since take their defaults."""
    return _CONVERTER.structure(json.loads(text), kind)
