"""The ABI vectors, which every way of calling the library must answer alike.

A vector is ``{"name", "method", "rc", "kind", "responseContains"}`` and one of ``request`` (text,
an object, null for NULL), ``requestHex`` and ``requestRepeat`` (text that is repeated, with
something before and after).
"""

from __future__ import annotations

import json
import pathlib
from typing import Any, Optional

import pytest

import cni
from cni.library import encode

VECTORS = pathlib.Path(__file__).resolve().parents[3] / "test" / "abi" / "vectors"
FILES = sorted(VECTORS.glob("*.json"))


def cases() -> list[Any]:
    found = [(file, vector) for file in FILES for vector in read(file)]
    return [pytest.param(vector, id=f"{file.stem}-{vector['name']}") for file, vector in found]


def read(file: pathlib.Path) -> list[dict[str, Any]]:
    """The vectors of a file: a list of them, or one."""
    content: Any = json.loads(file.read_text())
    vectors: list[dict[str, Any]] = content if isinstance(content, list) else [content]
    return vectors


def test_there_are_vectors() -> None:
    assert FILES, f"no vectors in {VECTORS}"


@pytest.mark.parametrize("vector", cases())
def test_vector(library: cni.Library, vector: dict[str, Any]) -> None:
    rc, response = library.call_raw(vector["method"], request_of(vector))
    assert rc == vector["rc"], response[:1000]
    if "kind" in vector:
        assert json.loads(response)["kind"] == vector["kind"]
    wanted = vector.get("responseContains", [])
    for part in [wanted] if isinstance(wanted, str) else wanted:
        assert part in response.decode()


def request_of(vector: dict[str, Any]) -> Optional[bytes]:
    """The request as C gets it."""
    if "requestHex" in vector:
        return bytes.fromhex(str(vector["requestHex"]))
    if "requestRepeat" in vector:
        parts = vector["requestRepeat"]
        repeated = str(parts["text"]) * int(parts["count"])
        return f"{parts.get('before', '')}{repeated}{parts.get('after', '')}".encode()
    return None if vector["request"] is None else encode(vector["request"])
