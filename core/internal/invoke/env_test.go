package invoke

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/plugin"
)

func TestEnvironment(t *testing.T) {
	base := []string{"PATH=/bin", "X=1", "CNI_IFNAME=old", "CNI_CONTAINERID=old", "CNI_FOO=bar",
		"Y=a=b", "broken", "X=2", "=C", "CNI_NETNS_OVERRIDE=1", "EMPTY="}
	kept := []string{"PATH=/bin", "X=2", "Y=a=b", "CNI_NETNS_OVERRIDE=1", "EMPTY="}
	attachment := []string{"CNI_CONTAINERID=c1", "CNI_NETNS=/run/netns/c1", "CNI_IFNAME=eth0",
		"CNI_ARGS=A=1;B=2", "CNI_PATH=/a:/b"}
	tests := []struct {
		command string
		want    []string
	}{
		{plugin.Add, append([]string{"CNI_COMMAND=ADD"}, attachment...)},
		{plugin.Del, append([]string{"CNI_COMMAND=DEL"}, attachment...)},
		{plugin.Check, append([]string{"CNI_COMMAND=CHECK"}, attachment...)},
		{plugin.GC, []string{"CNI_COMMAND=GC", "CNI_PATH=/a:/b"}},
		{plugin.Status, []string{"CNI_COMMAND=STATUS", "CNI_PATH=/a:/b"}},
		{plugin.Version, []string{"CNI_COMMAND=VERSION", "CNI_CONTAINERID=version", "CNI_NETNS=none",
			"CNI_IFNAME=version", "CNI_ARGS=A=1;B=2", "CNI_PATH=/a:/b"}},
	}
	for _, test := range tests {
		t.Run(test.command, func(t *testing.T) {
			got := environment(base, invocation(test.command), []string{"/a", "/b"})
			if diff := cmp.Diff(append(append([]string{}, kept...), test.want...), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
