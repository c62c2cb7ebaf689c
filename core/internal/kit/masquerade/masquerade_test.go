package masquerade_test

import (
	"errors"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/internal/kit/masquerade"
)

func attachment(network, id string, addresses ...string) masquerade.Attachment {
	a := masquerade.Attachment{Owner: nft.Owner{Network: network, ContainerID: id, IfName: "eth0"}}
	for _, address := range addresses {
		a.Addresses = append(a.Addresses, netip.MustParsePrefix(address))
	}
	return a
}

func update(t *testing.T, state string, changes ...func(*nft.Tx) error) {
	t.Helper()
	for _, change := range changes {
		kittest.Must(t, nft.Update(t.Context(), state, change))
	}
}

// elements returns what a set holds, as nft prints it but in one line and without comments.
func elements(t *testing.T, set string) string {
	t.Helper()
	out, err := exec.Command("nft", "list", "set", "inet", "libcni", set).CombinedOutput()
	if err != nil {
		return "no set"
	}
	found := regexp.MustCompile(`(?s)elements = \{(.*?)\}\n`).FindStringSubmatch(string(out))
	if found == nil {
		return ""
	}
	return strings.Join(
		strings.Fields(regexp.MustCompile(`comment "[^"]*"`).ReplaceAllString(found[1], "")), " ")
}

func TestNetworksThatOverlap(t *testing.T) {
	local := "masquerade4-" + nft.Hash("net") + "-local"
	for _, test := range []struct {
		name string
		all  []masquerade.Attachment
		want string
	}{
		{
			"one", []masquerade.Attachment{attachment("net", "c1", "10.1.0.2/24")},
			"10.1.0.0/24, 224.0.0.0/4",
		},
		{
			"the same twice",
			[]masquerade.Attachment{
				attachment("net", "c1", "10.1.0.2/24", "10.1.0.3/24"), attachment("net", "c2", "10.1.0.4/24"),
			}, "10.1.0.0/24, 224.0.0.0/4",
		},
		{
			"side by side",
			[]masquerade.Attachment{
				attachment("net", "c1", "10.1.1.2/24"), attachment("net", "c2", "10.1.0.2/24"),
			}, "10.1.0.0/24, 10.1.1.0/24, 224.0.0.0/4",
		},
		{
			"a smaller one after",
			[]masquerade.Attachment{
				attachment("net", "c1", "10.1.0.2/16"), attachment("net", "c2", "10.1.7.2/24"),
			}, "10.1.0.0/16, 224.0.0.0/4",
		},
		{
			"a larger one after",
			[]masquerade.Attachment{
				attachment("net", "c1", "10.1.7.2/24", "10.1.8.2/24"), attachment("net", "c2", "10.1.0.2/16"),
			}, "10.1.0.0/16, 224.0.0.0/4",
		},
		{
			"both at once",
			[]masquerade.Attachment{attachment("net", "c1", "10.1.7.2/24", "10.1.0.2/16", "10.1.8.2/24")},
			"10.1.0.0/16, 224.0.0.0/4",
		},
		{
			"single addresses",
			[]masquerade.Attachment{
				attachment("net", "c1", "10.1.7.2/32"), attachment("net", "c2", "10.1.7.3/32"),
			}, "10.1.7.2, 10.1.7.3, 224.0.0.0/4",
		},
		{"everything", []masquerade.Attachment{attachment("net", "c1", "10.1.7.2/0")}, "0.0.0.0/0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := kittest.NewHost(t).StateDir
			for _, a := range test.all {
				update(t, state, a.Add)
				kittest.Must(t, nft.View(t.Context(), func(r *nft.Reader) error {
					drift, err := a.Check(r)
					if drift != nil {
						t.Errorf("CHECK after ADD: %v", drift)
					}
					return err
				}))
			}
			kittest.Same(t, "elements", test.want, elements(t, local))
			for _, a := range test.all {
				update(t, state, a.Remove, a.Remove)
			}
			if got := elements(t, local); got != "no set" {
				t.Errorf("after the last: %s", got)
			}
		})
	}
}

func TestRemovalFindsWhatTheResultDoesNotTell(t *testing.T) {
	for _, test := range []struct {
		name  string
		known masquerade.Attachment
	}{
		{"all known", attachment("net", "c1", "10.1.0.2/24", "fd01::2/64")},
		{"nothing known", attachment("net", "c1")},
		{"another address", attachment("net", "c1", "10.1.0.77/24", "fd01::2/64")},
	} {
		t.Run(test.name, func(t *testing.T) {
			state := kittest.NewHost(t).StateDir
			update(t, state, attachment("net", "c1", "10.1.0.2/24", "fd01::2/64").Add,
				attachment("net", "c2", "10.1.0.3/24", "fd01::3/64").Add)
			update(t, state, test.known.Remove)
			for set, want := range map[string]string{"masquerade4-": "10.1.0.3", "masquerade6-": "fd01::3"} {
				if got := elements(t, set+nft.Hash("net")); got != want {
					t.Errorf("%s has %q, want %q", set, got, want)
				}
			}
		})
	}
}

func TestNetworkNamesOfAnyLength(t *testing.T) {
	state := kittest.NewHost(t).StateDir
	long := strings.Repeat("n", 300)
	a, b := attachment(long, "c1", "10.1.0.2/24"), attachment(long+`"x`, strings.Repeat("c", 300),
		"10.2.0.2/24")
	update(t, state, a.Add, b.Add)
	kittest.Reload(t)
	kittest.Must(t, nft.View(t.Context(), func(r *nft.Reader) error {
		first, err := a.Check(r)
		second, err2 := b.Check(r)
		if first != nil || second != nil {
			t.Errorf("CHECK: %v, %v", first, second)
		}
		return errors.Join(err, err2)
	}))
	update(t, state, a.Remove, b.Remove)
}

func TestGCOfANetworkWithoutContainers(t *testing.T) {
	state := kittest.NewHost(t).StateDir
	a := attachment("net", "c1", "10.1.0.2/24")
	update(t, state, a.Add)
	kittest.Run(t, "nft", "flush", "set", "inet", "libcni", "masquerade4-"+nft.Hash("net"))
	update(t, state, func(tx *nft.Tx) error { return masquerade.GC(tx, "net", nil) })
	if got := elements(t, "masquerade4-"+nft.Hash("net")); got != "no set" {
		t.Errorf("after GC: %s", got)
	}
}

// A network that becomes dual stack, or half of whose rules were lost, keeps the other half.
func TestFamiliesDoNotReplaceEachOther(t *testing.T) {
	rule := func(version string) string { return "masquerade" + version + "-" + nft.Hash("net") }
	dual := attachment("net", "c1", "10.1.0.2/24", "fd00::2/64")
	for _, test := range []struct {
		name string
		make func(t *testing.T, state string)
	}{
		{"IPv6 after IPv4", func(t *testing.T, state string) {
			update(t, state, attachment("net", "c2", "10.1.0.3/24").Add, dual.Add)
		}},
		{"IPv4 after IPv6", func(t *testing.T, state string) {
			update(t, state, attachment("net", "c2", "fd00::3/64").Add, dual.Add)
		}},
		{"repair of one rule", func(t *testing.T, state string) {
			update(t, state, dual.Add, func(tx *nft.Tx) error {
				rules, err := tx.Rules(nft.Chain{Table: nft.Own(nft.Inet), Name: "masquerading"})
				tx.DeleteRules(rules[0])
				return err
			}, dual.Repair)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.make(t, kittest.NewHost(t).StateDir)
			listing := kittest.Run(t, "nft", "list", "chain", "inet", "libcni", "masquerading")
			for _, name := range []string{rule("4"), rule("6")} {
				if strings.Count(listing, "@"+name+" ") != 1 {
					t.Errorf("rules of %s:\n%s", name, listing)
				}
			}
		})
	}
}

// TestAddressWithTwoPrefixLengths: a result of another plugin may have an address in two networks.
func TestAddressWithTwoPrefixLengths(t *testing.T) {
	state := kittest.NewHost(t).StateDir
	set := "masquerade4-" + nft.Hash("net")
	twice := attachment("net", "c1", "10.1.0.2/24", "10.1.0.2/16")
	once := attachment("net", "c2", "10.1.0.3/24")
	update(t, state, twice.Add, once.Add)
	kittest.Same(t, "with both", "10.1.0.2 , 10.1.0.3", elements(t, set))
	update(t, state, twice.Remove)
	kittest.Same(t, "with the other", "10.1.0.3", elements(t, set))
	update(t, state, once.Remove)
	kittest.Same(t, "with none", "no set", elements(t, set))
}
