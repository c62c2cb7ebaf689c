"""``python -m cni``, run as a program."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import cni

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "quickstart.py"


def python(*arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package."""
    package = str(pathlib.Path(cni.__file__).parent.parent)
    environment = {
        **os.environ,
        "PYTHONPATH": package,
        "LIBCNI_PATH": os.environ["CNI_LIBRARY"],
        **environment,
    }
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def command(
    client: cni.Client, *arguments: str, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command line with a client's directories."""
    places = [
        f"--{name.replace('_', '-')}={getattr(client, name)}"
        for name in ("conf_dir", "cache_dir", "state_dir")
    ]
    return python("-m", "cni", *places, *arguments, text=text)


def test_add_list_check_and_del(client: cni.Client, network: dict[str, Any], path: str) -> None:
    file = pathlib.Path(str(client.conf_dir)) / "web.conflist"
    file.write_text(json.dumps(network))
    for number, spelling in enumerate(("web", str(file), json.dumps(network))):
        container_id = f"c{number}"
        if_name = f"net{number}"
        added = command(client, "add", spelling, container_id, path, f"--if-name={if_name}")
        assert added.returncode == 0, added.stderr
        assert json.loads(added.stdout)["ips"]
        listed = json.loads(command(client, "list", f"--container-id={container_id}").stdout)
        assert [item["ifName"] for item in listed["attachments"]] == [if_name]
        checked = command(client, "check", container_id, f"--if-name={if_name}")
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        assert json.loads(command(client, "del", container_id).stdout)["found"] is True


def test_networks_plugins_and_version(client: cni.Client) -> None:
    assert json.loads(command(client, "networks").stdout)["networks"] == []
    assert "bridge" in {
        plugin["type"] for plugin in json.loads(command(client, "plugins").stdout)["plugins"]
    }
    assert json.loads(command(client, "version").stdout) == cni.__version__


def test_call_takes_a_request_from_standard_input(client: cni.Client) -> None:
    done = command(client, "call", "plugin.info", "-", text='{"type":"bridge"}')
    assert json.loads(done.stdout)["type"] == "bridge"


def test_errors_go_to_standard_error(client: cni.Client) -> None:
    done = command(client, "add", "nowhere", "c1", "/run/netns/c1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cni: ")
    assert "nowhere" in done.stderr
    done = command(client, "--json", "check", "c1", "--network=nowhere")
    assert done.returncode == 1
    assert json.loads(done.stderr)["kind"]
    missing = python("-m", "cni", "--library=/nowhere/libcni.so", "version")
    assert (missing.returncode, missing.stderr[:5]) == (1, "cni: ")


def test_the_quickstart_example_runs() -> None:
    done = python(str(EXAMPLE))
    assert done.returncode == 0, done.stderr
    assert "10." in done.stdout
