"""The wheel: with the library, without it on request, and a clear error if nothing can be built.

Built with the hatchling of the environment that runs the tests, so that nothing is fetched.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import cni

PROJECT = pathlib.Path(__file__).resolve().parents[2]
IN_WHEEL = "cni/_lib/libcni.so.0"


@pytest.fixture(autouse=True)
def hatchling() -> None:
    """The build backend, which pip must not look for on the network here."""
    try:
        import hatchling  # noqa: F401, PLC0415
    except ImportError:
        pytest.fail("hatchling is not installed; pip install hatchling", pytrace=False)


def build(
    project: pathlib.Path, folder: pathlib.Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build a wheel of the project into folder, from another working directory."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
    ]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("LIBCNI_")}
    return subprocess.run(
        [*command, "--wheel-dir", str(folder), str(project)],
        env={**inherited, "PWD": "/", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_wheel_has_the_library_inside_and_loads_it(tmp_path: pathlib.Path) -> None:
    done = build(PROJECT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"libcni-{cni.__version__}-py3-none-linux_")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(site)
    assert (site / "cni" / "py.typed").exists()
    program = (
        "import cni; print(cni.version());"
        "print(*{line.split()[-1] for line in open('/proc/self/maps') if 'libcni' in line})"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    environment.pop("LIBCNI_PATH", None)
    command = [sys.executable, "-c", program]
    out = subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, check=True
    )
    assert out.stdout.split() == [cni.__version__, str(site / IN_WHEEL)]


def test_the_wheel_for_a_system_with_the_library_is_pure(tmp_path: pathlib.Path) -> None:
    done = build(PROJECT, tmp_path, LIBCNI_SYSTEM="1")
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"libcni-{cni.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as content:
        assert IN_WHEEL not in content.namelist()


def test_a_copy_without_sources_says_what_can_be_done(tmp_path: pathlib.Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("tests", ".*", "__pycache__"))
    done = build(copy, tmp_path)
    assert done.returncode != 0
    assert "LIBCNI_SYSTEM=1" in done.stdout + done.stderr
    library = os.environ["CNI_LIBRARY"]
    built = build(copy, tmp_path, LIBCNI_BUILD_LIBRARY=library)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        assert content.getinfo(IN_WHEEL).file_size == pathlib.Path(library).stat().st_size
