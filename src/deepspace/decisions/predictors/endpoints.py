"""A predictor behind an address: items are posted as JSON, predictions come back.

Two bodies, each with ``predictions`` in the answer: ``instances`` (the KServe v1, TensorFlow Serving and Vertex AI
protocol: one record an item) and ``dataframe_split`` (MLflow's scoring server; arrays go as ``inputs``).
"""

from __future__ import annotations

import http.client
import json
import math
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from deepspace.decisions.predictors.predictor import Predictor
from deepspace.errors import ModelError

__all__ = ["BODIES", "from_address"]

BODIES = ("instances", "dataframe_split")
ROWS = 1000
"""Items in one request."""
TIMEOUT = 60.0
"""Seconds that the server may be silent."""


def from_address(address: str, *, body: str | None = None, headers: Mapping[str, str] | None = None) -> Predictor:
    """body: one of ``BODIES``; by default MLflow's where the address ends in ``/invocations``. headers: sent along,
    such as an authorisation. Nothing is sent before the predictor is asked. Raises ModelError for a wrong address."""
    parts = urlsplit(address)
    if not parts.hostname:
        raise ModelError(f"'{address}' is no address; write http://host/path.")
    if body is not None and body not in BODIES:
        raise ModelError(f"body is {' or '.join(map(repr, BODIES))}, got {body!r}.")
    chosen = body or ("dataframe_split" if parts.path.rstrip("/").endswith("/invocations") else "instances")
    # What stands before the host or after the path may be a secret, and the report prints the name.
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def call(items: Any) -> Any:
        if len(items) == 0:
            return np.empty(0)
        answers: list[Any] = []
        for start in range(0, len(items), ROWS):
            piece = _piece(items, start)
            found = _predictions(_posted(address, shown, _body(piece, chosen), headers or {}), shown)
            if len(found) != len(piece):
                raise ModelError(f"{shown} answered {len(piece)} items with {len(found)} predictions; one each is due.")
            answers += found
        return _answers(answers, shown)

    return Predictor(call, name=shown, source=shown)


def _piece(items: Any, start: int) -> Any:
    if hasattr(items, "iloc"):
        return items.iloc[start : start + ROWS]
    return items.slice(start, ROWS) if hasattr(items, "slice") else items[start : start + ROWS]


def _body(items: Any, body: str) -> bytes:
    from deepspace.data.frames import as_table

    table = as_table(items)
    if table is None:
        rows = np.asarray(items).tolist()
        content: dict[str, Any] = {"instances" if body == "instances" else "inputs": rows}
    elif body == "instances":
        content = {"instances": [{k: _plain(v) for k, v in row.items()} for row in table.to_pylist()]}
    else:
        rows = [[_plain(v) for v in row.values()] for row in table.to_pylist()]
        content = {"dataframe_split": {"columns": table.column_names, "data": rows}}
    return json.dumps(content).encode()


def _plain(value: Any) -> Any:
    """JSON has neither NaN nor dates."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _posted(address: str, shown: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """The answer's body. A connection that breaks is tried once more: an idle server may have closed it."""
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **headers}, method="POST")
    for attempt in (0, 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            said = " ".join(error.read(2000).decode("utf-8", "replace").split())[:200]
            raise ModelError(f"{shown} answered {error.code} {error.reason}: {said or 'nothing more'}.") from error
        except TimeoutError as error:
            raise ModelError(f"{shown} gave no answer in {TIMEOUT:g} s; let it be quicker.") from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise ModelError(f"{shown} gave no answer in {TIMEOUT:g} s; let it be quicker.") from error
            if attempt:
                raise ModelError(
                    f"{shown} cannot be reached: {getattr(reason, 'strerror', None) or reason}; is the server running?"
                ) from error
    raise AssertionError("unreachable")


def _predictions(answer: bytes, shown: str) -> list[Any]:
    try:
        content = json.loads(answer)
    except ValueError:
        start = " ".join(answer[:60].decode("utf-8", "replace").split())
        raise ModelError(f"{shown} answered with what is no JSON: {start!r}.") from None
    found = content.get("predictions") if isinstance(content, dict) else content
    if not isinstance(found, list):
        keys = ", ".join(map(repr, content)) if isinstance(content, dict) else type(content).__name__
        raise ModelError(f"{shown} answered without a list of predictions, only {keys or 'an empty object'}.")
    return found


def _answers(predictions: list[Any], shown: str) -> Any:
    """Numbers, labels, lists of probabilities, or {class: probability} an item (or Vertex's classes and scores)."""
    if isinstance(predictions[0], dict):
        if all(isinstance(p, dict) and {"classes", "scores"} <= p.keys() for p in predictions):
            return [dict(zip(map(str, p["classes"]), p["scores"], strict=False)) for p in predictions]
        return predictions
    try:
        values = np.asarray(predictions)
    except ValueError:
        raise ModelError(f"{shown} answered with lists of different lengths; one probability a class is due.") from None
    if values.dtype == object and not all(isinstance(p, (str, bool, int)) for p in predictions):
        numbers = [float("nan") if p is None else p for p in predictions]
        try:
            return np.asarray(numbers, np.float64)
        except (TypeError, ValueError):
            raise ModelError(f"{shown} answered with {predictions[0]!r:.80}, which is no prediction.") from None
    return values
