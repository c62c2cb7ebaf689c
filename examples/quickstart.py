"""Attach a network namespace to a bridge network, check it, and detach it.

Requires root and libcni. test/isolate runs it in a private network namespace, also for an ordinary
user.
"""

import tempfile

import cni

with tempfile.TemporaryDirectory() as folder:
    network = {
        "cniVersion": "1.1.0",
        "name": "quickstart",
        "type": "bridge",
        "bridge": "cni-quick",
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": "10.88.7.0/24"}]],
            "dataDir": f"{folder}/leases",
        },
    }
    client = cni.Client(cache_dir=f"{folder}/cache", state_dir=f"{folder}/state")
    with client.netns() as path, client.attach(network, container_id="quick", netns=path) as result:
        print("attached", path, "with", result.addresses[0])
        client.check(network, container_id="quick", netns=path)
        print("checked")
    print("detached")
