"""The package says the same as ``cni.api.json``: functions, prototypes, kinds, request and response keys."""

from __future__ import annotations

import ctypes
import inspect
import json
import pathlib
import re
from typing import Any, Callable

import pytest

import cni
from cni import _ffi, _version, client, errors, requests, volume

ROOT = next(folder for folder in pathlib.Path(__file__).resolve().parents if (folder / "api").is_dir())
API: dict[str, Any] = json.loads((ROOT / "api" / "cni.api.json").read_text())
FUNCTIONS = {function["name"]: function for function in API["functions"]}
C_TYPES = {
    "void": None,
    "int": ctypes.c_int,
    "const char *": ctypes.c_char_p,
    "char **": _ffi.RESPONSE,
    "void *": ctypes.c_void_p,
    "cni_log_fn": _ffi.LogFunction,
}
VERBS: dict[str, Callable[..., requests.Call[Any]]] = {
    "del": requests.delete,
    "plugin.info": requests.plugin_info,
    "netns.create": requests.netns_create,
    "netns.delete": requests.netns_delete,
    "volume.create": volume.create,
    "volume.remove": volume.remove,
    "volume.mount": volume.mount,
    "volume.unmount": volume.unmount,
    "volume.path": volume.path,
    "volume.get": volume.get,
    "volume.list": volume.list,
    "volume.capabilities": volume.capabilities,
    "volume.plugins": volume.plugins,
}
GIVEN_AS_WRITTEN = {"capabilityArgs", "config"}  # mappings of the caller's own
READ_ONLY_IN_RAW = {"version"}  # of an address, before CNI 1.0: the address says it


def test_versions_agree() -> None:
    assert API["version"] == _version.__version__
    assert API["abi"] == _ffi.ABI_VERSION


def test_functions_agree() -> None:
    assert set(_ffi.functions()) == set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_prototypes_agree(name: str) -> None:
    match = re.fullmatch(rf"(.*?)\s*{name}\((.*)\)", FUNCTIONS[name]["prototype"])
    assert match is not None
    parameters = [] if match[2] == "void" else match[2].split(", ")
    arguments = [C_TYPES[re.sub(r"\w+$", "", parameter).strip() or parameter] for parameter in parameters]
    assert _ffi.functions()[name] == (arguments, C_TYPES[match[1]])


def test_kinds_agree() -> None:
    assert set(errors.by_kind()) == {kind["kind"] for kind in API["kinds"]}


@pytest.mark.parametrize("method", sorted(f["method"] for f in API["functions"] if "request" in f))
def test_every_request_key_of_a_verb_can_be_given(method: str) -> None:
    describe = VERBS.get(method) or getattr(requests, method)
    schema = resolve(FUNCTIONS["cni_" + method.replace(".", "_")]["request"])
    call = describe(**{name: sample(name) for name in inspect.signature(describe).parameters})
    assert call.method == method
    assert set(call.request) <= set(schema["properties"])
    own = set(schema["properties"]) - set(API["$defs"]["common"]["properties"])
    assert own | set(schema.get("required", [])) <= set(call.request)


def test_options_agree() -> None:
    values = {name: sample(name) for name in inspect.signature(client.Options).parameters if name != "library"}
    sent = client.Options(**values).request(requests.networks())["options"]
    assert set(sent) == set(API["$defs"]["options"]["properties"])


def read_error(raw: Any) -> object:
    """Reads an error object as each of the classes that have something of their own."""
    existing = errors.AlreadyExistsError(raw, 1).existing
    return existing.config, existing.capability_args, errors.DriftError(raw, 1).drift


def read_volume(raw: Any) -> object:
    return cni.Volume.from_dict(raw).status


def read_volumes(raw: Any) -> object:
    return [volume.status for volume in cni.VolumeList.from_dict(raw)]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("result", cni.Result.from_dict),
        ("delResponse", cni.Removal.from_dict),
        ("networksResponse", cni.NetworkList.from_dict),
        ("attachmentsResponse", cni.AttachmentList.from_dict),
        ("pluginsResponse", cni.PluginList.from_dict),
        ("validateResponse", cni.Validation.from_dict),
        ("plugin", cni.PluginInfo.from_dict),
        ("event", cni.LogEvent.from_dict),
        ("volume", read_volume),
        ("volumeListResponse", read_volumes),
        ("volumePluginsResponse", cni.VolumePluginList.from_dict),
        ("error", read_error),
    ],
)
def test_every_response_key_is_read(name: str, read: Callable[[Any], Any]) -> None:
    unread: set[str] = set()
    made = Watched.of(API["$defs"][name], unread)
    answer = read(made)
    for item in answer.attachments if isinstance(answer, cni.AttachmentList) else ():
        assert (item.config, item.capability_args) == ({}, {})
    assert [key for key in sorted(unread) if key.rpartition("/")[2] not in READ_ONLY_IN_RAW] == []


class Watched(dict[str, Any]):
    """An object made after a schema, that crosses off the keys that are read."""

    def __init__(self, path: str, unread: set[str]) -> None:
        super().__init__()
        self.path = path
        self.unread = unread

    @classmethod
    def of(cls, schema: Any, unread: set[str], path: str = "") -> Any:
        schema = resolve(schema)
        kinds = schema.get("type", "string")
        kind = kinds[0] if isinstance(kinds, list) else kinds
        if kind == "array":
            return [cls.of(schema["items"], unread, path)] if "items" in schema else []
        if kind != "object":
            return {"string": "", "integer": 1, "number": 1, "boolean": True}[kind]
        if path.rpartition("/")[2] in GIVEN_AS_WRITTEN:
            return {}
        made = cls(path, unread)
        for key, part in schema.get("properties", {}).items():
            made[key] = ADDRESSES.get(key) or cls.of(part, unread, f"{path}/{key}")
            unread.add(f"{path}/{key}")
        return made

    def get(self, key: str, default: Any = None) -> Any:
        self.unread.discard(f"{self.path}/{key}")
        return super().get(key, default)


ADDRESSES = {"address": "10.1.0.2/24", "dst": "10.2.0.0/16"}


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its reference put in."""
    if "$ref" not in schema:
        return schema
    target = resolve(API["$defs"][schema["$ref"].rpartition("/")[2]])
    properties = {**target.get("properties", {}), **schema.get("properties", {})}
    return {**target, **schema, "properties": properties} if properties else target


def sample(name: str) -> Any:
    """A value for a parameter."""
    special: dict[str, Any] = {
        "valid_attachments": [],
        "args": {},
        "capability_args": {},
        "result": {},
        "plugin_dirs": [],
        "env": {},
        "volume_plugin_dirs": [],
        "volume_plugins": {},
        "volume_retry": 1,
        "volume_connect_timeout": 1,
        "volume_activate_timeout": 1,
        "volume_header_timeout": 1,
        "opts": {},
        "timeout": 1,
        "rollback_timeout": 1,
    }
    return special.get(
        name,
        True if name in {"force", "dry_run", "rollback", "inherit_env", "ignore_unknown", "volume_reload"} else "x",
    )
