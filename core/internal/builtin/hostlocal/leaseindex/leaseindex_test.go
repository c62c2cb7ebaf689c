package leaseindex

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

func testOwner(n int) Owner {
	id := fmt.Sprint("c", n)
	return NewOwner(id, id+" eth0")
}

// The index is walked beside a plain map, with a chance of reopening it from its file at each step.
func TestIndexAgainstModel(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index")
	store := Directory{1, 2, 3, 4}
	random := rand.New(rand.NewPCG(1, 2))
	x := newIndex("b", 0, 0)
	model := map[netip.Addr]Owner{}
	for step := range 30000 {
		raw := [4]byte{10, 0, byte(random.IntN(6)), byte(random.IntN(256))}
		addr := netip.AddrFrom4(raw)
		if random.IntN(4) == 0 {
			addr = netip.AddrFrom16([16]byte{0xfd, 15: raw[3], 9: byte(random.IntN(200))})
		}
		if o, taken := model[addr]; taken {
			kittest.Must(t, x.Remove(addr, o))
			delete(model, addr)
		} else {
			o := testOwner(random.IntN(300))
			kittest.Must(t, x.Add(addr, o))
			model[addr] = o
		}
		if random.IntN(500) == 0 {
			kittest.Must(t, x.save(path, store))
			x.Close()
			var err error
			x, err = Open(path, store, "b")
			kittest.Must(t, err)
		}
		if step%100 == 0 {
			compareWithModel(t, x, model, random)
		}
	}
	kittest.Must(t, x.save(path, store))
	if _, err := Open(path, store, "another boot"); err == nil {
		t.Error("the index of another boot is trusted")
	}
}

func compareWithModel(t *testing.T, x *Index, model map[netip.Addr]Owner, random *rand.Rand) {
	t.Helper()
	o := testOwner(random.IntN(300))
	var want []netip.Addr
	for addr, have := range model {
		if have == o {
			want = append(want, addr)
		}
	}
	slices.SortFunc(want, netip.Addr.Compare)
	got, err := x.Addresses(o)
	kittest.Must(t, err)
	if !slices.Equal(want, got) {
		t.Fatalf("owner %x has %v, want %v", o, got, want)
	}
	from, to := netip.AddrFrom4(
		[4]byte{10, 0, byte(random.IntN(6)), byte(random.IntN(256))},
	), netip.MustParseAddr("10.0.5.255")
	free := from
	for ; free.IsValid() && !to.Less(free); free = free.Next() {
		if _, taken := model[free]; !taken {
			break
		}
	}
	if to.Less(free) {
		free = netip.Addr{}
	}
	if got, err := x.NextFree(from, to); err != nil || got != free {
		t.Fatalf("next free from %v is %v, %v; want %v", from, got, err, free)
	}
}

// FuzzIndex reads files of any content. What is read may be wrong, but is read in bounds and
// without end.
func FuzzIndex(f *testing.F) {
	store := Directory{1, 2, 3, 4}
	path := filepath.Join(f.TempDir(), "index")
	x := newIndex("b", 0, 0)
	kittest.Must(f, x.Add(netip.MustParseAddr("10.0.0.1"), testOwner(1)))
	kittest.Must(f, x.save(path, store))
	good, err := os.ReadFile(path)
	kittest.Must(f, err)
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		kittest.Must(t, os.WriteFile(path, content, 0o600))
		x, err := Open(path, store, "b")
		if err != nil {
			return
		}
		defer x.Close()
		_, errAddresses := x.Addresses(testOwner(1))
		addr, errFree := x.NextFree(netip.MustParseAddr("10.0.0.1"),
			netip.MustParseAddr("10.0.255.255"))
		for _, err := range []error{errAddresses, errFree} {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("error is %v, want %v", err, ErrDamaged)
			}
		}
		if errFree == nil && addr.IsValid() &&
			!netip.MustParsePrefix("10.0.0.0/16").Contains(addr) {
			t.Errorf("%v is outside of what was asked for", addr)
		}
	})
}
