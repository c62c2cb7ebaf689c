package nft_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	md "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// load has nft read a file.
func load(t *testing.T, arguments ...string) {
	t.Helper()
	if out, err := exec.Command("nft", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("nft %v: %v: %s", arguments, err, out)
	}
}

// raw returns the kernel's declarations of all tables, chains, sets and rules, each as text.
// Handles, and what depends on the version of nft, are left out; TestNftWouldMakeTheSame
// compares the rule with a range by its meaning.
func raw(t *testing.T) []string {
	t.Helper()
	c, err := md.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all []string
	for _, kind := range []int{unix.NFT_MSG_GETTABLE, unix.NFT_MSG_GETCHAIN, unix.NFT_MSG_GETSET,
		unix.NFT_MSG_GETRULE} {
		answers, err := c.Execute(md.Message{
			Header: md.Header{Type: md.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind),
				Flags: md.Request | md.Dump},
			Data: []byte{0, 0, 0, 0},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			text := declaration(t, kind, a.Data[4:])
			if !strings.Contains(text, ofRange+`\x00"`) {
				all = append(all, fmt.Sprint(kind)+text)
			}
		}
	}
	slices.Sort(all)
	return all
}

// Attributes that the unix package lacks (linux/netfilter/nf_tables.h).
const (
	tableHandle = 4 // NFTA_TABLE_HANDLE

	setHandle = 16 // NFTA_SET_HANDLE
	setCount  = 20 // NFTA_SET_COUNT
)

// changing are the attributes that differ from one load of the same rules to the next.
var changing = map[int][]int{
	unix.NFT_MSG_GETTABLE: {unix.NFTA_TABLE_USE, tableHandle},
	unix.NFT_MSG_GETCHAIN: {unix.NFTA_CHAIN_HANDLE, unix.NFTA_CHAIN_USE},
	unix.NFT_MSG_GETSET:   {setHandle, setCount},
	unix.NFT_MSG_GETRULE:  {unix.NFTA_RULE_HANDLE, unix.NFTA_RULE_POSITION},
}

func declaration(t *testing.T, kind int, data []byte) string {
	t.Helper()
	attributes, err := md.UnmarshalAttributes(data)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, a := range attributes {
		number := int(a.Type &^ (md.Nested | md.NetByteOrder))
		switch {
		case slices.Contains(changing[kind], number):
		case kind == unix.NFT_MSG_GETSET && number == unix.NFTA_SET_USERDATA:
			fmt.Fprintf(&text, " user data: %q", withoutTypeof(a.Data))
		default:
			fmt.Fprintf(&text, " %d: %q", number, a.Data)
		}
	}
	return text.String()
}

// TestNftWouldMakeTheSame saves everything, has nft make it again from its own listing, and
// compares what the kernel has: tables, chains, sets and rules are equal, byte by byte.
func TestNftWouldMakeTheSame(t *testing.T) {
	netnstest.Host(t)
	state := t.TempDir()
	update(t, state, everything)
	made := raw(t)
	file := filepath.Join(t.TempDir(), "saved.nft")
	if err := os.WriteFile(file, []byte(list(t, "ruleset")), 0o600); err != nil {
		t.Fatal(err)
	}

	load(t, "-c", "-f", file)
	load(t, "flush", "ruleset")
	load(t, "-f", file)
	restored := raw(t)
	for i := range max(len(made), len(restored)) {
		var a, b string
		if i < len(made) {
			a = made[i]
		}
		if i < len(restored) {
			b = restored[i]
		}
		if a != b {
			t.Errorf("made     %s\nby nft   %s", a, b)
		}
	}

	update(t, state, everything)
	golden(t, "everything", list(t, "ruleset"))
	update(t, state, func(tx *nft.Tx) error {
		for _, r := range rules() {
			if found, err := tx.HasRule(r); err != nil || !found {
				t.Errorf("after the reload the rule %q of chain %s is unknown: %v",
					r.Comment, r.Chain.Name, err)
			}
		}
		return nil
	})
}

// TestSetsInAnotherForm makes a map as libcni 0.1.0 did, with a description of its fields, which
// the kernel counts as another map.
func TestSetsInAnotherForm(t *testing.T) {
	netnstest.Host(t)
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Name: "libcni", Family: nftables.TableFamilyINet})
	err = c.AddSet(&nftables.Set{Table: table, Name: "ports", IsMap: true, Concatenation: true,
		KeyType:  nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService),
		DataType: nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)}, nil)
	if err = errors.Join(err, c.Flush()); err != nil {
		t.Fatal(err)
	}

	state := t.TempDir()
	for range 2 {
		update(t, state, everything)
	}
	if !strings.Contains(list(t, "map", "inet", "libcni", "ports"), "tcp . 80 ") {
		t.Error("the map that was there is not used")
	}
}

// withoutTypeof removes the types of keys and data, which only some versions of nft note.
func withoutTypeof(data []byte) (rest []byte) {
	for len(data) >= 2 {
		size := 2 + int(data[1])
		if kind := userdata.Type(data[0]); kind != userdata.NFTNL_UDATA_SET_KEY_TYPEOF &&
			kind != userdata.NFTNL_UDATA_SET_DATA_TYPEOF {
			rest = append(rest, data[:size]...)
		}
		data = data[size:]
	}
	return rest
}
