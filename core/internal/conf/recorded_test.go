package conf

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecordedConfigurations pins that configurations of other tools are loaded as Go's libcni
// 1.3.1 loads them: these are its results for the same files, in its order. The one difference is a
// configuration without a version: Go's libcni leaves it empty, which plugins treat as 0.1.0, while
// the CNI project's upgrade guide for runtimes says 0.2.0.
func TestRecordedConfigurations(t *testing.T) {
	want := []string{
		"10-calico.conflist: k8s-pod-network 0.3.1 calico+calico-ipam portmap bandwidth",
		"10-flannel.conflist: cbr0 0.3.1 flannel portmap",
		"11-crio-ipv4-bridge.conflist: crio 1.0.0 bridge+host-local",
		"30-versions.conflist: versions 1.1.0 bridge disableCheck disableGC",
		"31-dropins.conflist: dropins 1.1.0 bridge portmap tuning",
		"32-no-version.conflist: no-version 0.2.0 bridge",
		"87-podman-bridge.conflist: podman 0.4.0 bridge+host-local portmap firewall tuning",
		"nerdctl-bridge.conflist: bridge 1.0.0 bridge+host-local portmap firewall tuning",
		"00-multus.conf: multus-cni-network 0.3.1 multus",
		"10-mynet.conf: mynet 0.2.0 bridge+host-local",
		"99-loopback.conf: lo 0.3.1 loopback",
	}
	lists, bad, _ := Scan("testdata/recorded")
	if len(bad) > 0 {
		t.Errorf("bad files: %v", bad)
	}
	var got []string
	for _, list := range lists {
		got = append(got, filepath.Base(list.File)+": "+describe(list))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
