"""Connects the attachments in responses with the client that received them."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ._generated_options import IF_NAME
from .models import Attachment, AttachmentList, Result

if TYPE_CHECKING:
    from ._request import Call
    from .client import Options

T = TypeVar("T")


def bind(value: T, options: Options, call: Call[T]) -> T:
    """The response of a call, whose attachments use a client with these options."""
    if isinstance(value, AttachmentList):
        for attachment in value:
            attachment.bound(options)
    if isinstance(value, Result) and call.method == "add":
        object.__setattr__(value, "_attachment", attachment_of(call, value).bound(options))
    return value


def attachment_of(call: Call[Any], result: Result) -> Attachment:
    """The attachment that a call of ``add`` made."""
    request = call.request
    return Attachment(
        network=network_name(request),
        container_id=request["containerId"],
        if_name=request.get("ifName", IF_NAME),
        netns=request["netns"],
        state="attached",
        result=result,
    )


def network_name(request: Mapping[str, Any]) -> str:
    """The name of a request's network, or an empty one if its file has none any more."""
    network = request.get("network")
    if isinstance(network, str):
        return network
    try:
        if network is None:
            network = json.loads(pathlib.Path(request["networkFile"]).read_bytes())
    except (OSError, ValueError):
        return ""
    name = network.get("name") if isinstance(network, Mapping) else None
    return name if isinstance(name, str) else ""
