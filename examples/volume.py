"""The life of a volume of a Docker or Podman volume plugin.

Create, mount, write a file, unmount, remove:

python3 volume.py PLUGIN

PLUGIN is the name of a plugin, which is searched for as Docker does, or its address, such as
unix:///run/docker/plugins/x.sock.
"""

import pathlib
import sys

import cni

plugin = sys.argv[1]
cni.volumes.create(plugin, "libcni-demo")
print("created", cni.volumes.get(plugin, "libcni-demo").name)
try:
    with cni.volumes.mounted(plugin, "libcni-demo") as path:
        file = pathlib.Path(path, "hello")
        file.write_text("hello from libcni\n")
        print("wrote", file)
finally:
    cni.volumes.remove(plugin, "libcni-demo")
print("removed")
