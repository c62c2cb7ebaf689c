"""The C functions of ``cni.h``: prototypes, and who owns which string.

A response is read through a ``void *`` and given back with ``cni_free`` whatever happens; a ``char *`` would be turned
into bytes by ctypes, and the pointer lost.
"""

from __future__ import annotations

import ctypes
from typing import Any, Optional

ABI_VERSION = 0

VERBS = (
    "add",
    "del",
    "check",
    "repair",
    "gc",
    "status",
    "validate",
    "networks",
    "attachments",
    "plugins",
    "plugin_info",
    "convert",
    "netns_create",
    "netns_delete",
    "volume_create",
    "volume_remove",
    "volume_mount",
    "volume_unmount",
    "volume_path",
    "volume_get",
    "volume_list",
    "volume_capabilities",
    "volume_plugins",
)
"""Functions of the one shape ``int cni_<verb>(const char *request, char **response)``."""

LogFunction = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)
"""``cni_log_fn``. What a callback raises goes to ``sys.unraisablehook``: ctypes lets nothing through C."""

RESPONSE = ctypes.POINTER(ctypes.c_void_p)

OTHERS: dict[str, tuple[list[Any], Any]] = {
    "cni_call": ([ctypes.c_char_p, ctypes.c_char_p, RESPONSE], ctypes.c_int),
    "cni_cancel": ([ctypes.c_char_p], ctypes.c_int),
    "cni_describe": ([RESPONSE], ctypes.c_int),
    "cni_free": ([ctypes.c_void_p], None),
    "cni_version": ([], ctypes.c_char_p),
    "cni_abi_version": ([], ctypes.c_int),
    "cni_strerror": ([ctypes.c_int], ctypes.c_char_p),
    "cni_set_log": ([LogFunction, ctypes.c_void_p], ctypes.c_int),
}


def functions() -> dict[str, tuple[list[Any], Any]]:
    """Argument types and result type of each C function, by name."""
    verb = ([ctypes.c_char_p, RESPONSE], ctypes.c_int)
    return {**{f"cni_{name}": verb for name in VERBS}, **OTHERS}


def declare(library: ctypes.CDLL) -> None:
    """Set the prototypes. AttributeError names a function that the library lacks."""
    for name, (arguments, result) in functions().items():
        function = getattr(library, name)
        function.argtypes = arguments
        function.restype = result


def respond(library: ctypes.CDLL, name: str, *arguments: Optional[bytes]) -> tuple[int, Optional[bytes]]:
    """Call a function that answers through its last argument; the response is copied and given back."""
    response = ctypes.c_void_p()
    try:
        rc = getattr(library, name)(*arguments, ctypes.byref(response))
        return rc, None if response.value is None else ctypes.string_at(response.value)
    finally:
        library.cni_free(response)
