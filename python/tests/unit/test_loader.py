"""Where the library is looked for, and that importing the package loads nothing."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import cni
from cni import _loader


def test_a_given_path_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBCNI_PATH", "/from/environment.so")
    with _loader.located("/given.so") as place:
        assert place == "/given.so"


def test_the_environment_comes_before_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBCNI_PATH", "/from/environment.so")
    with _loader.located(None) as place:
        assert place == "/from/environment.so"


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("folder", ["checkout/python", "site-packages"])
def test_otherwise_the_checkout_or_the_system_is_asked(
    tmp_path: pathlib.Path, folder: str, built: bool
) -> None:
    project = tmp_path / folder
    package = pathlib.Path(cni.__file__).parent
    shutil.copytree(package, project / "cni", ignore=shutil.ignore_patterns("_lib"))
    library = project.parent / "build" / "libcni.so.0"
    if built:
        library.parent.mkdir()
        library.touch()
    if in_checkout := folder.startswith("checkout"):
        (project / "hatch_build.py").touch()
        (project.parent / "capi").mkdir()
    program = "from cni import _loader\nwith _loader.located(None) as place: print(place)"
    found = run(program, PYTHONPATH=str(project), LIBCNI_PATH="")
    assert found == (str(library) if built and in_checkout else "libcni.so.0")


def test_the_package_comes_before_the_checkout(tmp_path: pathlib.Path) -> None:
    project = tmp_path / "checkout" / "python"
    shutil.copytree(pathlib.Path(cni.__file__).parent, project / "cni")
    inside = project / "cni" / "_lib" / "libcni.so.0"
    for file in (inside, project / "hatch_build.py", tmp_path / "checkout/build/libcni.so.0"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    program = "from cni import _loader\nwith _loader.located(None) as place: print(place)"
    assert run(program, PYTHONPATH=str(project), LIBCNI_PATH="") == str(inside)


def test_an_empty_variable_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBCNI_PATH", "")
    assert _loader.environment_path() is None


def test_a_process_with_more_rights_than_its_user_ignores_the_environment() -> None:
    if os.geteuid() != 0 or only_one_user():
        pytest.skip(
            "needs another user: this process is not root, or its namespace maps a single user id"
        )
    program = (
        "import os; from cni import _loader; os.seteuid(65534); print(_loader.environment_path())"
    )
    assert run(program, LIBCNI_PATH="/from/environment.so") == "None"


def test_a_missing_file_is_a_load_error_that_names_it() -> None:
    with pytest.raises(cni.LibraryLoadError, match=r"/nowhere/libcni\.so") as caught:
        cni.Library("/nowhere/libcni.so").load()
    assert caught.value.path == "/nowhere/libcni.so"


def test_a_library_that_is_another_is_refused() -> None:
    with pytest.raises(cni.LibraryLoadError, match="not libcni"):
        cni.Library("libc.so.6").load()


def test_importing_loads_nothing() -> None:
    program = "import cni, cni.aio; cni.Client(); print('libcni' in open('/proc/self/maps').read())"
    assert run(program, LIBCNI_PATH="/nowhere/libcni.so") == "False"


def run(program: str, **environment: str) -> str:
    """The output of a Python program that can import the package."""
    package = str(pathlib.Path(cni.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": package, **environment}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",  # the interpreter looks for modules in the working directory first
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def only_one_user() -> bool:
    """Whether the user namespace maps a single user id."""
    return pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1"
