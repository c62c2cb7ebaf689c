"""libcni for Python: attach containers to networks (CNI 1.1).

    import cni

    with cni.netns() as path, cni.attach("web", container_id="c1", netns=path) as result:
        print(result.addresses)

The functions here are the methods of a :class:`Client` with the library's default options; make your own for others.
:mod:`cni.aio` has them for asyncio. The library is loaded at the first call, and must not be used after a fork.
"""

from __future__ import annotations

from . import aio as aio
from ._version import __version__
from .client import Client
from .errors import (
    AlreadyExistsError,
    BugError,
    BusyError,
    CallCancelledError,
    CallTimeoutError,
    CNIError,
    DriftError,
    ForkedError,
    InvalidConfigError,
    InvalidRequestError,
    LibraryLoadError,
    NamespaceNotFoundError,
    NetworkNotFoundError,
    NotANamespaceError,
    NotAPluginError,
    PermissionDeniedError,
    PluginFailedError,
    PluginNotFoundError,
    PluginProtocolError,
    PluginStatusUnknownError,
    StateError,
    UnsupportedError,
    VolumeNoMountpointError,
    VolumeNotFoundError,
    VolumePluginFailedError,
    VolumePluginNotFoundError,
    VolumePluginUnreachableError,
    WrongPluginKindError,
)
from .library import Library
from .models import (
    DNS,
    Attachment,
    AttachmentID,
    AttachmentList,
    Drift,
    FileError,
    Interface,
    IPConfig,
    LogEvent,
    Network,
    NetworkList,
    PluginInfo,
    PluginList,
    PluginRef,
    Removal,
    Repaired,
    Result,
    Route,
    Validation,
    VolumePluginRef,
)
from .volume import Volume, VolumeList, VolumePlugin, VolumePluginError, VolumePluginList

DEFAULT = Client()

add = DEFAULT.add
delete = DEFAULT.delete
check = DEFAULT.check
repair = DEFAULT.repair
gc = DEFAULT.gc
status = DEFAULT.status
validate = DEFAULT.validate
networks = DEFAULT.networks
attachments = DEFAULT.attachments
plugins = DEFAULT.plugins
plugin_info = DEFAULT.plugin_info
convert = DEFAULT.convert
netns_create = DEFAULT.netns_create
netns_delete = DEFAULT.netns_delete
attach = DEFAULT.attach
netns = DEFAULT.netns
call = DEFAULT.call
cancel = DEFAULT.cancel
describe = DEFAULT.describe
set_log = DEFAULT.set_log
version = DEFAULT.version
volumes = DEFAULT.volumes

__all__ = [
    "DNS",
    "AlreadyExistsError",
    "Attachment",
    "AttachmentID",
    "AttachmentList",
    "BugError",
    "BusyError",
    "CNIError",
    "CallCancelledError",
    "CallTimeoutError",
    "Client",
    "Drift",
    "DriftError",
    "FileError",
    "ForkedError",
    "IPConfig",
    "Interface",
    "InvalidConfigError",
    "InvalidRequestError",
    "Library",
    "LibraryLoadError",
    "LogEvent",
    "NamespaceNotFoundError",
    "Network",
    "NetworkList",
    "NetworkNotFoundError",
    "NotANamespaceError",
    "NotAPluginError",
    "PermissionDeniedError",
    "PluginFailedError",
    "PluginInfo",
    "PluginList",
    "PluginNotFoundError",
    "PluginProtocolError",
    "PluginRef",
    "PluginStatusUnknownError",
    "Removal",
    "Repaired",
    "Result",
    "Route",
    "StateError",
    "UnsupportedError",
    "Validation",
    "Volume",
    "VolumeList",
    "VolumeNoMountpointError",
    "VolumeNotFoundError",
    "VolumePlugin",
    "VolumePluginError",
    "VolumePluginFailedError",
    "VolumePluginList",
    "VolumePluginNotFoundError",
    "VolumePluginRef",
    "VolumePluginUnreachableError",
    "WrongPluginKindError",
    "__version__",
    "add",
    "aio",
    "attach",
    "attachments",
    "call",
    "cancel",
    "check",
    "convert",
    "delete",
    "describe",
    "gc",
    "netns",
    "netns_create",
    "netns_delete",
    "networks",
    "plugin_info",
    "plugins",
    "repair",
    "set_log",
    "status",
    "validate",
    "version",
    "volumes",
]
