"""Messages in the words of this package."""

from __future__ import annotations

import pytest

from cni._words import in_python


@pytest.mark.parametrize(
    ("text", "kind", "want"),
    [
        ("containerId is required", "invalid-request", "container_id is required"),
        ("containerId", "invalid-request", "container_id"),
        ("all", "invalid-request", "everything"),
        ("all is well", "invalid-request", "all is well"),
        ("options.timeoutMs", "invalid-request", "timeout"),
        ("options.confDir is empty", "state", "conf_dir is empty"),
        ("options.pluginDirs[0]", "invalid-request", "plugin_dirs[0]"),
        ("options.volumeTimeouts.connectMs: -1", "invalid-request", "volume_connect_timeout: -1"),
        ("options.newer", "invalid-request", "options.newer"),
        ("validAttachments[0].ifName", "invalid-request", "valid_attachments[0].if_name"),
        ("call cni_del or cni_volume_unmount", "busy", "call delete or volumes.unmount"),
        ('unknown key "containerId"', "invalid-request", 'unknown key "containerId"'),
        ("/etc/containerId/x: not found", "state", "/etc/containerId/x: not found"),
        ("plugins[0].ifName", "invalid-config", "plugins[0].ifName"),
        ("set containerId", "plugin-failed", "set containerId"),
        ("set force", "plugin-failed", "set force"),
        ("or set force to remove it", "state", "or call delete(force=True) to remove it"),
        (
            "run DEL with force to go on past the failing plugin",
            "plugin-failed",
            "call delete(force=True) to go on past the failing plugin",
        ),
    ],
)
def test_names_are_those_of_python(text: str, kind: str, want: str) -> None:
    assert in_python(text, kind) == want
