"""The wheel: with the library, without it on request, and a clear error if nothing can be built.

Built with the hatchling of the environment that runs the tests, so that nothing is fetched.
"""

from __future__ import annotations

import os
import pathlib
import runpy
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

import cni

PROJECT = pathlib.Path(__file__).resolve().parents[2]
IN_WHEEL = "cni/_lib/libcni.so.0"
MACHINE = os.uname().machine
TAG = f"manylinux_2_34_{MACHINE}"  # the README: glibc 2.34 or newer


@pytest.fixture(autouse=True)
def hatchling() -> None:
    """The build backend, which pip must not look for on the network here."""
    try:
        import hatchling  # noqa: F401, PLC0415
    except ImportError:
        pytest.fail("hatchling is not installed; pip install hatchling", pytrace=False)


def pip(
    *arguments: str, python: str = sys.executable, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run pip from another working directory, off the network."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("LIBCNI_")}
    command, *rest = arguments
    return subprocess.run(
        [python, "-m", "pip", command, "--no-deps", "--no-index", *rest],
        env={**inherited, "PWD": "/", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def build(
    project: pathlib.Path, folder: pathlib.Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build a wheel of the project into folder."""
    arguments = ["--no-build-isolation", "--wheel-dir", str(folder), str(project)]
    return pip("wheel", *arguments, **environment)


def test_the_wheel_has_the_library_inside_and_loads_it(tmp_path: pathlib.Path) -> None:
    done = build(PROJECT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"libcni-{cni.__version__}-py3-none-{TAG}.whl"
    assert_auditwheel_agrees(wheel)
    assert_refused_with_musl(wheel, tmp_path)
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as content:
        content.extractall(site)
    assert (site / "cni" / "py.typed").exists()
    assert loaded(sys.executable, PYTHONPATH=str(site)) == [cni.__version__, str(site / IN_WHEEL)]


def assert_auditwheel_agrees(wheel: pathlib.Path) -> None:
    """An index accepts the tag: the library needs nothing newer, and no other libraries."""
    command = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = " ".join(done.stdout.split())
    assert f'consistent with the following platform tag: "{TAG}"' in said


def assert_refused_with_musl(wheel: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A pip whose Python is linked with musl accepts these two platforms."""
    platforms = [f"--platform={name}_{MACHINE}" for name in ("musllinux_1_2", "linux")]
    target = str(tmp_path / "musl")
    done = pip("install", *platforms, "--only-binary=:all:", "--target", target, str(wheel))
    assert done.returncode != 0
    assert "is not a supported wheel on this platform" in done.stderr


@pytest.mark.parametrize(
    ("source", "flags", "tag"),
    [
        pytest.param("", ["-nostdlib"], f"linux_{MACHINE}", id="no glibc"),
        pytest.param(
            "int _dl_find_object(void *, void *); int f(void) { return _dl_find_object(0, 0); }",
            [],
            f"manylinux_2_35_{MACHINE}",
            id="a function of glibc 2.35",
        ),
    ],
)
def test_the_tag_promises_what_the_library_needs(
    tmp_path: pathlib.Path, source: str, flags: list[str], tag: str
) -> None:
    library = tmp_path / "library.so"
    compiler = ["cc", "-shared", "-fPIC", *flags, "-x", "c", "-", "-o", str(library)]
    subprocess.run(compiler, input=source, text=True, check=True)
    hook = runpy.run_path(str(PROJECT / "hatch_build.py"))
    assert hook["platform"](library) == tag


def test_an_editable_installation_uses_the_library_of_the_checkout(tmp_path: pathlib.Path) -> None:
    """In a copy: the repository must not get a library from a test."""
    checkout = tmp_path / "checkout"
    shutil.copytree(PROJECT, checkout / "python", ignore=shutil.ignore_patterns("tests", ".*"))
    (checkout / "go.mod").write_text("module github.com/libcni/libcni\n")
    (checkout / "capi").mkdir()
    made = f"mkdir -p build && cp {os.environ['CNI_LIBRARY']} build/libcni.so.{cni.__version__}"
    linked = f"ln -s libcni.so.{cni.__version__} build/libcni.so.0"
    (checkout / "Makefile").write_text(f"build/libcni.so:\n\t{made}\n\t{linked}\n")
    python = empty_environment(tmp_path / "environment")
    done = pip("install", "--no-build-isolation", "-e", str(checkout / "python"), python=python)
    assert done.returncode == 0, done.stdout + done.stderr
    out = loaded(python)
    assert out == [cni.__version__, str(checkout / f"build/libcni.so.{cni.__version__}")]


def empty_environment(folder: pathlib.Path) -> str:
    """The Python of a new environment, which has the build backend of this one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "backend.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(folder / "bin" / "python")


def loaded(python: str, **environment: str) -> list[str]:
    """The version and the path of the library that the package loads."""
    program = (
        "import cni; print(cni.version());"
        "print(*{line.split()[-1] for line in open('/proc/self/maps') if 'libcni' in line})"
    )
    inherited = {k: v for k, v in os.environ.items() if k not in {"LIBCNI_PATH", "PYTHONPATH"}}
    out = subprocess.run(
        [python, "-c", program],
        env={**inherited, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return out.stdout.split()


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
