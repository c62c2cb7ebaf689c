package hostlocal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// run calls the reference executable with the invocation, and returns what it wrote to stdout.
func run(t testing.TB, inv *plugin.Invocation) ([]byte, error) {
	t.Helper()
	return kittest.Executable(t, "host-local", inv.Command, inv)
}

// both is a store used by the built-in and the executable.
type both struct{ *fixture }

func (b both) addWith(t *testing.T, builtin bool, containerID string) (string, error) {
	t.Helper()
	inv := b.invocation(plugin.Add, containerID)
	if builtin {
		return addresses(b.Add(context.Background(), inv))
	}
	out, err := run(t, inv)
	if err != nil {
		return "", err
	}
	return addresses(plugin.ParseResult(out, inv.CNIVersion))
}

func (b both) delWith(t *testing.T, builtin bool, containerID string) {
	t.Helper()
	if builtin {
		b.mustDel(t, containerID)
		return
	}
	if _, err := run(t, b.invocation(plugin.Del, containerID)); err != nil {
		t.Fatalf("DEL %s by the executable: %v", containerID, err)
	}
}

func TestInteropOneStoreForBoth(t *testing.T) {
	b := both{newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/27"}],[{"subnet":"fd00::/64"}]]`)}
	seen := map[string]string{}
	var order []string
	for i := range 28 {
		id := fmt.Sprint("c", i)
		got, err := b.addWith(t, i%3 == 0, id)
		kittest.Must(t, err)
		if other := seen[got]; other != "" {
			t.Fatalf("%s was given to %s and to %s", got, other, id)
		}
		seen[got] = id
		order = append(order, strings.Fields(got)[0])
	}
	for i, got := range order {
		if want := fmt.Sprintf("10.1.0.%d/27", i+2); got != want {
			t.Fatalf("address %d is %s, want %s: they do not go round together", i, got, want)
		}
	}
	// The 29th is the last one. Then both find the range full.
	if _, err := b.addWith(t, true, "c28"); err != nil {
		t.Fatal(err)
	}
	for _, builtin := range []bool{true, false} {
		if _, err := b.addWith(t, builtin, "more"); err == nil ||
			!strings.Contains(err.Error(),
				"no IP addresses available in range set: 10.1.0.1-10.1.0.30") {
			t.Errorf("built-in %t: error is %v, want that the range is full", builtin, err)
		}
		if _, err := b.addWith(t, builtin, "c3"); err == nil ||
			!strings.Contains(err.Error(), "duplicate allocation is not allowed") {
			t.Errorf("built-in %t: error is %v, want that c3 has an address", builtin, err)
		}
	}
	// Each removes the other's, and the freed address is found by the other.
	for i := range 29 {
		b.delWith(t, i%3 != 0, fmt.Sprint("c", i))
	}
	if left := b.leases(t); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestInteropAddressReleasedByOneIsGivenByTheOther(t *testing.T) {
	for _, builtin := range []bool{true, false} {
		b := both{newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/30"}]]`)}
		for i := range 4 {
			id := fmt.Sprint("c", i)
			if got, err := b.addWith(t, builtin == (i%2 == 0), id); err != nil ||
				got != "10.1.0.2/30" {
				t.Fatalf("%s: %s, %v", id, got, err)
			}
			b.delWith(t, builtin == (i%2 != 0), id)
		}
	}
}

func TestInteropCheckOfTheOthersLease(t *testing.T) {
	b := both{newFixture(t, small)}
	for _, builtin := range []bool{true, false} {
		id := fmt.Sprint("c", builtin)
		got, err := b.addWith(t, builtin, id)
		kittest.Must(t, err)
		inv := b.invocation(plugin.Check, id)
		inv.PrevResult = previous(t, got)
		if err := b.Check(context.Background(), inv); err != nil {
			t.Errorf("CHECK by the built-in: %v", err)
		}
		if _, err := run(t, inv); err != nil {
			t.Errorf("CHECK by the executable: %v", err)
		}
	}
}

func TestInteropGCLeavesTheSame(t *testing.T) {
	listed := []plugin.AttachmentID{
		{ContainerID: "c1", IfName: "eth0"}, {ContainerID: "c2", IfName: "eth1"},
	}
	for name, valid := range map[string][]plugin.AttachmentID{"some": listed, "none": {}} {
		t.Run(name, func(t *testing.T) {
			var left [2][]string
			for i, builtin := range []bool{false, true} {
				b := both{newFixture(t, `"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/64"}]]`)}
				for file, content := range map[string]string{
					"10.1.0.2": "c1\r\neth0", "10.1.0.3": "c1\r\neth1", "10.1.0.4": "c2\r\neth1",
					"10.1.0.5": "c1", "10.1.0.6": "c3", "10.1.0.7": "c3\r\neth0", "10.9.0.1": "c3\r\neth0",
					"10.1.0.8": "", "10.1.0.9": "c1\r\neth0\n", "fd00::2": "c1\r\neth0", "fd00::3": "c4",
					"10.1.0.10": "c1\neth0", "10.1.0.11": " c1 ",
				} {
					b.write(t, file, content)
				}
				kittest.Must(t, os.Mkdir(b.path("10.1.0.20"), 0o755))
				kittest.Must(t, os.Symlink("10.1.0.7", b.path("10.1.0.21")))
				inv := b.invocation(plugin.GC, "")
				inv.ValidAttachments = valid
				if builtin {
					kittest.Must(t, b.GC(context.Background(), inv))
				} else {
					_, err := run(t, inv)
					kittest.Must(t, err)
				}
				left[i] = kittest.Leases(t, b.store())
			}
			if diff := cmp.Diff(left[0], left[1]); diff != "" {
				t.Errorf("leases (-executable +built-in):\n%s", diff)
			}
		})
	}
}

func TestInteropSameResultsAndFiles(t *testing.T) {
	resolvConf := filepath.Join(t.TempDir(), "resolv.conf")
	kittest.Must(
		t,
		os.WriteFile(resolvConf,
			[]byte("nameserver 10.0.0.1\nsearch a b\ndomain c\noptions ndots:1\n"), 0o600),
	)
	tests := []struct {
		name, version, ipam string
		args                plugin.Args
	}{
		{"plain", "1.1.0", `"ranges":[[{"subnet":"10.1.0.0/24"}]]`, nil},
		{
			"old form",
			"0.2.0",
			`"subnet":"10.1.0.0/24","rangeStart":"10.1.0.20","gateway":"10.1.0.7","routes":[{"dst":"0.0.0.0/0"}]`,
			nil,
		},
		{
			"both families",
			"0.4.0",
			`"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/64","gateway":"fd00::9"}]]`,
			nil,
		},
		{
			"gateway first",
			"1.0.0",
			`"ranges":[[{"subnet":"10.1.0.0/24","gateway":"10.1.0.5","rangeStart":"10.1.0.5"}]]`,
			nil,
		},
		{
			"all",
			"1.1.0",
			fmt.Sprintf(
				`"ranges":[[{"subnet":"10.1.0.0/24"}],[{"subnet":"fd00::/64"}],[{"subnet":"10.2.0.0/24"}]],"resolvConf":%q,
			"routes":[{"dst":"0.0.0.0/0"},{"dst":"10.9.0.1/16","gw":"10.1.0.9","mtu":1400,"advmss":1300,"priority":5,"table":100,"scope":253}]`,
				resolvConf,
			),
			plugin.Args{{"IgnoreUnknown", "1"}, {"IP", "10.2.0.9"}, {"X", "y"}},
		},
		{
			"keys as Go has them",
			"1.1.0",
			`"Ranges":[[{"Subnet":"10.1.0.0/24","RangeStart":"10.1.0.20","RangeEnd":"10.1.0.30","Gateway":"10.1.0.1"}]]`,
			nil,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var results, leases []string
			for _, builtin := range []bool{false, true} {
				b := both{newFixture(t, test.ipam)}
				inv := b.invocation(plugin.Add, "c1")
				inv.CNIVersion, inv.Args = test.version, test.args
				inv.Config = bytes.Replace(inv.Config, []byte(`"cniVersion":"1.1.0"`),
					fmt.Appendf(nil, `"cniVersion":%q`, test.version), 1)
				var out []byte
				if builtin {
					r, err := b.Add(context.Background(), inv)
					kittest.Must(t, err)
					out, err = r.JSON(test.version)
					kittest.Must(t, err)
				} else {
					var err error
					out, err = run(t, inv)
					kittest.Must(t, err)
				}
				var value map[string]any
				kittest.Must(t, json.Unmarshal(out, &value))
				if dns, _ := value["dns"].(map[string]any); len(dns) == 0 {
					delete(value,
						"dns") // old versions write empty settings, which says the same as none
				}
				tidy, err := json.MarshalIndent(value, "", " ")
				kittest.Must(t, err)
				results = append(results, string(tidy))
				leases = append(leases, strings.Join(b.leases(t), "\n"))
			}
			if diff := cmp.Diff(results[0], results[1]); diff != "" {
				t.Errorf("result (-executable +built-in):\n%s", diff)
			}
			if diff := cmp.Diff(leases[0], leases[1]); diff != "" {
				t.Errorf("leases (-executable +built-in):\n%s", diff)
			}
		})
	}
}
