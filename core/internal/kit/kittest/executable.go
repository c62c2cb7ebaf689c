package kittest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/libcni/libcni/core/plugin"
)

// Executable runs the reference executable of a plugin type for an invocation, as a runtime does,
// and returns what it prints. Its environment is that of the specification and env.
func Executable(t testing.TB, pluginType, command string, inv *plugin.Invocation,
	env ...string) ([]byte, error) {
	t.Helper()
	dir := os.Getenv("CNI_PEERS")
	if dir == "" {
		t.Fatal("CNI_PEERS is not set: build the reference executables with " +
			"\"cd test/peers && go build -o DIR tool\" and set it to DIR")
	}
	netns := inv.NetnsPath
	if netns == "" {
		netns = "/proc/1/ns/net"
	}
	cmd := exec.Command(filepath.Join(dir, pluginType))
	cmd.Stdin = bytes.NewReader(executableConfig(t, inv))
	cmd.Env = append(
		[]string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + inv.ContainerID,
			"CNI_IFNAME=" + inv.IfName, "CNI_NETNS=" + netns, "CNI_PATH=" + dir,
			"CNI_ARGS=" + inv.Args.String(), "CNI_NETNS_OVERRIDE=1"},
		env...)
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s by the executable: %w: %s", pluginType, command, err, out)
	}
	return out, nil
}

// executableConfig is the invocation's configuration with the members that a runtime adds.
func executableConfig(t testing.TB, inv *plugin.Invocation) []byte {
	t.Helper()
	if inv.PrevResult == nil && inv.ValidAttachments == nil {
		return inv.Config
	}
	members := map[string]json.RawMessage{}
	Must(t, json.Unmarshal(inv.Config, &members))
	if inv.ValidAttachments != nil {
		members["cni.dev/valid-attachments"] = validAttachments(t, inv)
	}
	if inv.PrevResult == nil {
		return encode(t, members)
	}
	result, err := inv.PrevResult.JSON(inv.CNIVersion)
	Must(t, err)
	name, err := json.Marshal(inv.Network)
	Must(t, err)
	members["prevResult"], members["name"] = result, name
	return encode(t, members)
}

// validAttachments is the list of GC as the specification spells it.
func validAttachments(t testing.TB, inv *plugin.Invocation) []byte {
	t.Helper()
	list := []types.GCAttachment{}
	for _, a := range inv.ValidAttachments {
		list = append(list, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName})
	}
	return encode(t, list)
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	Must(t, err)
	return data
}

// Variant is one way in which the reference executables make rules.
type Variant struct {
	Name, Backend string
	Path          string // PATH on which they find their iptables
}

// Variants are all of them.
func Variants(t testing.TB) []Variant {
	t.Helper()
	return []Variant{
		{"nftables", "nftables", os.Getenv("PATH")},
		{"iptables over nftables", "iptables", IPTablesPath(t, "nft")},
		{"iptables, legacy", "iptables", IPTablesPath(t, "legacy")},
	}
}

// IPTablesPath is a PATH on which iptables and ip6tables are those of a kind, nft or legacy.
func IPTablesPath(t testing.TB, kind string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"iptables", "ip6tables"} {
		path, err := exec.LookPath(name + "-" + kind)
		Must(t, err)
		Must(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	return dir + ":" + os.Getenv("PATH")
}
