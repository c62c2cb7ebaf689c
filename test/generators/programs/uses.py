"""Uses the generated types as a binding does. Each ignored error must be one."""

from __future__ import annotations

from libcni_types import AddRequest, Error, GcRequest, Result

ADD: AddRequest = {
    "network": "web",
    "containerId": "c1",
    "netns": "/run/netns/c1",
    "args": [["IP", "10.1.0.7"]],
    "capabilityArgs": {
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
    },
    "options": {"builtins": "only", "timeoutMs": 1000},
}

MISSPELLED: AddRequest = {
    "containerid": "c1",  # type: ignore[typeddict-unknown-key]
    "containerId": "c1",
    "netns": "/n",
}
INCOMPLETE: AddRequest = {"network": "web", "containerId": "c1"}  # type: ignore[typeddict-item]
FOREIGN: GcRequest = {
    "network": "web",
    "validAttachments": [],
    "asOf": "",
    "netns": "/n",  # type: ignore[typeddict-unknown-key]
}


def first_address(result: Result) -> str | None:
    return result["ips"][0]["address"] if result.get("ips") else None


def describe(error: Error) -> str:
    if error["kind"] == "exists" and "existing" in error:
        return error["existing"]["state"]
    return error["msg"]
