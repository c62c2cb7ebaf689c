"""The command line::

    python -m cni add web c1 /run/netns/c1
    python -m cni del c1

JSON goes to standard output, errors to standard error, and the exit status is 1 for them.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any, Callable, Optional

from .client import Client
from .errors import CNIError, LibraryLoadError
from .library import Library
from .requests import Network


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command and return the exit status."""
    given = parser().parse_args(arguments)
    client = Client(
        conf_dir=given.conf_dir,
        plugin_dirs=given.plugin_dir,
        cache_dir=given.cache_dir,
        state_dir=given.state_dir,
        timeout=given.timeout,
        library=Library(given.library),
    )
    run: Callable[[Client, argparse.Namespace], Any] = given.run
    try:
        answer = run(client, given)
    except CNIError as error:
        print(json.dumps(error.raw, indent=2) if given.json else f"cni: {error}", file=sys.stderr)
        return 1
    except (LibraryLoadError, OSError, ValueError) as error:
        print(f"cni: {error}", file=sys.stderr)
        return 1
    if answer is not None:
        print(json.dumps(answer, indent=2))
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands and what each takes."""
    top = argparse.ArgumentParser(
        prog="python -m cni", description="Attach containers to networks."
    )
    top.add_argument(
        "--json", action="store_true", help="print errors as the library's error object"
    )
    top.add_argument("--conf-dir", help="where networks are looked for by name")
    top.add_argument(
        "--plugin-dir", action="append", help="where plugin executables are looked for; repeatable"
    )
    top.add_argument("--cache-dir", help="where attachments are remembered")
    top.add_argument("--state-dir", help="state of this boot")
    top.add_argument("--timeout", type=float, help="seconds; 0 for none")
    top.add_argument("--library", help="the libcni.so to load")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    add = command(commands, "add", run_add, "attach a container to a network")
    add.add_argument("network", help="a name, a configuration file, or a configuration as JSON")
    add.add_argument("container_id")
    add.add_argument("netns", help="path of the container's network namespace")
    add.add_argument("--if-name")

    delete = command(
        commands, "del", run_delete, "detach a container, from one network or from all"
    )
    delete.add_argument("container_id")
    delete.add_argument("--network")
    delete.add_argument("--if-name")
    delete.add_argument("--force", action="store_true", help="go on past a failing plugin")

    check = command(commands, "check", run_check, "check that an attachment is as it was made")
    check.add_argument("container_id")
    check.add_argument("--network")
    check.add_argument("--if-name")

    listing = command(commands, "list", run_list, "list what is attached")
    listing.add_argument("--container-id")
    listing.add_argument("--network")

    command(commands, "networks", lambda client, _: client.networks().raw, "list the networks")
    command(commands, "plugins", lambda client, _: client.plugins().raw, "list the plugin types")
    command(commands, "version", lambda client, _: client.version(), "print the library's version")

    call = command(commands, "call", run_call, "call any verb with a JSON request")
    call.add_argument("method", help='such as "add" or "netns.create"')
    call.add_argument("request", nargs="?", default="{}", help='JSON; "-" reads standard input')
    return top


def command(
    commands: Any, name: str, run: Callable[[Client, argparse.Namespace], Any], summary: str
) -> argparse.ArgumentParser:
    """A command that runs the function and prints what it returns."""
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary.capitalize() + "."
    )
    made.set_defaults(run=run)
    return made


def run_add(client: Client, given: argparse.Namespace) -> Any:
    network = chosen(given.network)
    return client.add(
        network, container_id=given.container_id, netns=given.netns, if_name=given.if_name
    ).raw


def run_delete(client: Client, given: argparse.Namespace) -> Any:
    network = None if given.network is None else chosen(given.network)
    removal = client.delete(
        network, container_id=given.container_id, if_name=given.if_name, force=given.force
    )
    return removal.raw


def run_check(client: Client, given: argparse.Namespace) -> None:
    network = None if given.network is None else chosen(given.network)
    client.check(network, container_id=given.container_id, if_name=given.if_name)


def run_list(client: Client, given: argparse.Namespace) -> Any:
    return client.attachments(container_id=given.container_id, network=given.network).raw


def run_call(client: Client, given: argparse.Namespace) -> Any:
    request = sys.stdin.buffer.read() if given.request == "-" else given.request
    return client.call(given.method, request)


def chosen(word: str) -> Network:
    """A network as written on the command line."""
    if word.lstrip().startswith("{"):
        configuration: dict[str, Any] = json.loads(word)
        return configuration
    return pathlib.Path(word) if "/" in word else word


if __name__ == "__main__":
    sys.exit(main())
