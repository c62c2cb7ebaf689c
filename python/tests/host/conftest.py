"""The library under test, and a client whose state is the test's own.

These tests make bridges and namespaces, so they run under ``test/isolate``, in a network namespace
of their own.
"""

from __future__ import annotations

import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from inside import links

import cni

HOW = """these tests need the built library and a network namespace of their own:
    make
    export CNI_LIBRARY=$PWD/build/libcni.so PYTHONPATH=python
    test/isolate python3 -m pytest python/tests"""


@pytest.fixture(scope="session")
def library() -> cni.Library:
    """libcni.so, from CNI_LIBRARY."""
    path = os.environ.get("CNI_LIBRARY")
    if not path:
        pytest.fail(f"CNI_LIBRARY is not set; {HOW}", pytrace=False)
    return cni.Library(path)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Handle SIGINT, which a background job ignores from its start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def isolated() -> None:
    """Refuse to work on the machine's own network: in a new namespace nothing but lo can be up."""
    up = sorted(name for name in links() if name != "lo" and is_up(name))
    if up:
        pytest.fail(f"this network is in use, by {', '.join(up)}; {HOW}", pytrace=False)


def is_up(name: str) -> bool:
    """Whether an interface is up (IFF_UP)."""
    return bool(int(pathlib.Path(f"/sys/class/net/{name}/flags").read_text(), 16) & 1)


@pytest.fixture
def client(library: cni.Library, tmp_path: pathlib.Path) -> cni.Client:
    """A client with directories of its own."""
    (tmp_path / "conf").mkdir()
    return cni.Client(
        conf_dir=tmp_path / "conf",
        plugin_dirs=[tmp_path / "bin"],
        cache_dir=tmp_path / "cache",
        state_dir=tmp_path / "state",
        timeout=20,
        library=library,
    )


@pytest.fixture
def network(tmp_path: pathlib.Path) -> dict[str, Any]:
    """A bridge network with addresses from host-local."""
    return bridge_network(tmp_path)


@pytest.fixture
def path(client: cni.Client) -> Iterator[str]:
    """A container's namespace."""
    with client.netns() as made:
        yield made


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fails a test that leaves interfaces on the host, other than bridges, which stay."""
    before = links() - bridges()
    yield
    assert links() - bridges() == before


@pytest.fixture
def refuser(client: cni.Client) -> dict[str, Any]:
    """A network whose plugin attaches without an interface, and fails to detach."""
    folder = pathlib.Path(str((client.plugin_dirs or [])[0]))
    folder.mkdir()
    script = folder / "refuser"
    script.write_text(
        "#!/bin/sh\ncat >/dev/null\n"
        """[ "$CNI_COMMAND" = DEL ] || { echo '{"cniVersion":"1.1.0"}'; exit 0; }\n"""
        """echo '{"cniVersion":"1.1.0","code":101,"msg":"I refuse"}'; exit 1\n"""
    )
    script.chmod(0o755)
    return {"cniVersion": "1.1.0", "name": "n", "type": "refuser"}


def bridges() -> set[str]:
    """The names that these tests give to bridges."""
    return {name for name in links() if name.startswith("br-")}


def bridge_network(
    folder: pathlib.Path, name: str = "web", subnet: str = "10.41.0.0/24"
) -> dict[str, Any]:
    """A network whose leases lie in folder."""
    ipam = {
        "type": "host-local",
        "dataDir": str(folder / "leases"),
        "ranges": [[{"subnet": subnet}]],
    }
    bridge = {"type": "bridge", "bridge": f"br-{name}", "isGateway": True, "ipam": ipam}
    return {"cniVersion": "1.1.0", "name": name, "plugins": [bridge]}
