"""Codes and error objects become exceptions."""

from __future__ import annotations

import errno
import pickle

import pytest

import cni
from cni import errors

FULL = {
    "cniVersion": "1.1.0",
    "code": 11,
    "msg": "no address is left",
    "details": "10.1.0.0/24",
    "kind": "plugin-failed",
    "errno": "ETIMEDOUT",
    "command": "ADD",
    "network": "web",
    "containerId": "c1",
    "ifName": "eth0",
    "plugin": {"type": "bridge", "index": 0, "builtin": True},
    "stderr": "words",
    "retryable": True,
    "rolledBack": False,
}


def test_success_returns_the_response() -> None:
    assert errors.check(0, {"found": True}) == {"found": True}


def test_error_object_is_read_whole() -> None:
    with pytest.raises(cni.PluginFailedError) as caught:
        errors.check(11, FULL)
    error = caught.value
    assert (error.rc, error.code, error.kind, error.errno) == (
        11,
        11,
        "plugin-failed",
        errno.ETIMEDOUT,
    )
    assert (error.msg, error.details, error.stderr) == (
        "no address is left",
        "10.1.0.0/24",
        "words",
    )
    assert (error.command, error.network, error.container_id, error.if_name) == (
        "ADD",
        "web",
        "c1",
        "eth0",
    )
    assert error.plugin == cni.PluginRef("bridge", 0, True)
    assert error.retryable is True
    assert error.rolled_back is False
    assert str(error) == "no address is left: 10.1.0.0/24"


@pytest.mark.parametrize(("kind", "wanted"), sorted(errors.by_kind().items()))
def test_each_kind_has_its_class(kind: str, wanted: type[cni.CNIError]) -> None:
    with pytest.raises(cni.CNIError) as caught:
        errors.check(-errno.EINVAL, {"kind": kind, "code": 7, "msg": "m"})
    assert type(caught.value) is wanted
    assert caught.value.kind == kind
    assert getattr(cni, wanted.__name__) is wanted


def test_a_kind_from_the_future_is_an_error_all_the_same() -> None:
    with pytest.raises(cni.CNIError, match="new trouble") as caught:
        errors.check(-1, {"kind": "eclipse", "code": 999, "msg": "new trouble"})
    assert type(caught.value) is cni.CNIError
    assert caught.value.kind == "eclipse"


@pytest.mark.parametrize("response", [None, "words", 3, {}])
def test_no_error_object_is_still_an_error(response: object) -> None:
    with pytest.raises(cni.CNIError, match="-5"):
        errors.check(-5, response)


def test_drift_lists_all_differences() -> None:
    found = [
        {"plugin": "bridge", "object": f"link {name}", "expected": "up", "actual": "missing"}
        for name in "ab"
    ]
    with pytest.raises(cni.DriftError) as caught:
        errors.check(999, {"kind": "drift", "code": 999, "msg": "m", "drift": found})
    assert caught.value.drift == tuple(
        cni.Drift("bridge", f"link {name}", "up", "missing") for name in "ab"
    )


def test_exists_carries_the_attachment() -> None:
    there = {
        "network": "web",
        "containerId": "c1",
        "ifName": "eth0",
        "result": {"cniVersion": "1.0.0"},
    }
    with pytest.raises(cni.AlreadyExistsError) as caught:
        errors.check(-errno.EEXIST, {"kind": "exists", "code": 999, "msg": "m", "existing": there})
    assert caught.value.existing.result == cni.Result("1.0.0")


def test_errors_survive_pickling() -> None:
    error = cni.PluginFailedError(FULL, 11)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.raw, copy.rc, str(copy)) == (
        cni.PluginFailedError,
        FULL,
        11,
        str(error),
    )
