"""The exceptions. One class per ``kind`` of the library's error object; all of them are :class:`CNIError`."""

from __future__ import annotations

import errno as errno_names
from collections.abc import Mapping
from typing import Any, Optional

from .models import Attachment, Drift, PluginRef, VolumePluginRef, each, nested, objects, text, whole


class LibraryLoadError(ImportError):
    """libcni.so cannot be found or loaded, or does not fit this package."""


class CNIError(Exception):
    """A call did not succeed. An error of a kind that this package does not know is of this class itself."""

    kind: str = ""
    """What to branch on; the subclass says the same."""

    def __init__(self, raw: Mapping[str, Any], rc: int = 0) -> None:
        super().__init__(raw, rc)  # both, so that the error survives pickling
        self.raw = raw
        """The whole error object."""
        self.rc = rc
        """What the C function returned: the plugin's code, or -errno."""
        self.kind = text(raw, "kind") or type(self).kind
        self.code = whole(raw, "code") or 0
        """The CNI specification's error code, always positive."""
        self.msg = text(raw, "msg")
        self.details = text(raw, "details")
        self.errno: Optional[int] = getattr(errno_names, text(raw, "errno"), None)
        """The number of the system's error, to compare with the constants of module errno."""
        self.cni_version = text(raw, "cniVersion")
        self.command = text(raw, "command")
        self.network = text(raw, "network")
        self.container_id = text(raw, "containerId")
        self.if_name = text(raw, "ifName")
        plugin = raw.get("plugin")
        self.plugin = PluginRef.from_dict(plugin) if isinstance(plugin, Mapping) else None
        """The plugin that failed, if it was one."""
        self.volume = text(raw, "volume")
        """The volume that it is about, if it is one."""
        volume_plugin = raw.get("volumePlugin")
        self.volume_plugin = VolumePluginRef.from_dict(volume_plugin) if isinstance(volume_plugin, Mapping) else None
        """The volume plugin that it is about, and what it was asked, if it was."""
        self.stderr = text(raw, "stderr")
        """The last 64 KiB that a plugin process wrote to its standard error."""
        self.retryable = bool(raw.get("retryable"))
        self.rolled_back: Optional[bool] = raw.get("rolledBack")
        """After a failed ADD or mount: True if nothing of it is left, False if DEL, GC or unmount have to finish."""

    def __str__(self) -> str:
        message = self.msg or f"libcni returned {self.rc}"
        return f"{message}: {self.details}" if self.details and self.details not in message else message


class InvalidRequestError(CNIError):
    """The request is wrong; ``details`` names the key."""

    kind = "invalid-request"


class InvalidConfigError(CNIError):
    """The network configuration is wrong; ``details`` names the key."""

    kind = "invalid-config"


class NetworkNotFoundError(CNIError):
    """No network of that name in the configuration directory."""

    kind = "network-not-found"


class PluginNotFoundError(CNIError):
    """A plugin type that is neither built in nor an executable in the plugin directories."""

    kind = "plugin-not-found"


class NamespaceNotFoundError(CNIError):
    """Nothing is at the namespace's path."""

    kind = "namespace-not-found"


class NotANamespaceError(CNIError):
    """The path is no network namespace, or is the caller's own."""

    kind = "not-a-namespace"


class AlreadyExistsError(CNIError):
    """Attached already, or the interface exists."""

    kind = "exists"

    @property
    def existing(self) -> Attachment:
        """What is attached there already, with its result as far as it is known."""
        return Attachment.from_dict(nested(self.raw, "existing"))


class CallTimeoutError(CNIError):
    """The call's time ran out."""

    kind = "timeout"


class CallCancelledError(CNIError):
    """The call was cancelled with :func:`cni.cancel`."""

    kind = "cancelled"


class BusyError(CNIError):
    """Something the call needs is in use, such as a lock or the request id."""

    kind = "busy"


class PluginFailedError(CNIError):
    """A plugin answered with an error; ``code``, ``msg`` and ``details`` are the plugin's."""

    kind = "plugin-failed"


class DriftError(CNIError):
    """CHECK found differences."""

    kind = "drift"

    @property
    def drift(self) -> tuple[Drift, ...]:
        """All of them."""
        return each(Drift.from_dict, objects(self.raw, "drift"))


class PluginProtocolError(CNIError):
    """A plugin's answer is not CNI."""

    kind = "plugin-protocol"


class PluginStatusUnknownError(CNIError):
    """Something else in the process reaped the plugin, and nothing tells how it ended."""

    kind = "plugin-status-unknown"


class VolumePluginNotFoundError(CNIError):
    """Nothing that names a volume plugin has that name."""

    kind = "volume-plugin-not-found"


class VolumePluginUnreachableError(CNIError):
    """No connection to the volume plugin; nothing was sent."""

    kind = "volume-plugin-unreachable"


class NotAPluginError(CNIError):
    """The file names no address, or what listens there does not shake hands."""

    kind = "not-a-plugin"


class WrongPluginKindError(CNIError):
    """A plugin, but not for volumes."""

    kind = "wrong-plugin-kind"


class VolumePluginFailedError(CNIError):
    """The volume plugin said no; ``details`` has its text."""

    kind = "volume-plugin-failed"


class VolumeNotFoundError(CNIError):
    """The volume plugin knows no such volume."""

    kind = "volume-not-found"


class VolumeNoMountpointError(CNIError):
    """The volume plugin named no absolute path where it mounted."""

    kind = "volume-no-mountpoint"


class StateError(CNIError):
    """State on disk cannot be read or written, or descriptors ran out; ``errno`` says which."""

    kind = "state"


class PermissionDeniedError(CNIError):
    """The kernel refused."""

    kind = "permission"


class UnsupportedError(CNIError):
    """The kernel, the version or the mode lacks what was asked for; the message says which."""

    kind = "unsupported"


class ForkedError(CNIError):
    """Called in a forked child of a process that had loaded libcni, where its threads are gone."""

    kind = "forked"


class BugError(CNIError):
    """libcni caught a fault of its own; ``details`` has the stack."""

    kind = "bug"


def by_kind() -> dict[str, type[CNIError]]:
    """The class of each kind."""
    return {subclass.kind: subclass for subclass in CNIError.__subclasses__()}


def check(rc: int, response: Any) -> Any:
    """Return the response of a call that succeeded; raise the error of one that did not."""
    if rc == 0:
        return response
    raw = response if isinstance(response, Mapping) else {"msg": f"libcni returned {rc} and no error object"}
    raise by_kind().get(text(raw, "kind"), CNIError)(raw, rc)


def forked() -> ForkedError:
    """The error of a call in a forked child, made without entering the library."""
    return ForkedError(
        {
            "code": 999,
            "kind": ForkedError.kind,
            "errno": "ENOTRECOVERABLE",
            "msg": "libcni was loaded before this process was forked; load it after the fork, or start the child anew"
            " (multiprocessing: the spawn or forkserver start method)",
        },
        -errno_names.ENOTRECOVERABLE,
    )
