package hostlocal

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// BenchmarkAddDel gives one address and releases it, in a /16 that is filled at random to a degree.
// The store is on the file system of TMPDIR.
func BenchmarkAddDel(b *testing.B) {
	for _, percent := range []int{0, 50, 99} {
		b.Run(fmt.Sprintf("fill=%d%%", percent), func(b *testing.B) {
			f := filled(b, percent)
			f.mustAdd(b, "warm")
			scans := f.scans
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				id := fmt.Sprint("x", i)
				f.mustAdd(b, id)
				f.mustDel(b, id)
			}
			b.ReportMetric(float64(f.scans-scans), "scans")
		})
	}
}

// BenchmarkScan is what a call costs after a foreign change, or the first one of a boot.
func BenchmarkScan(b *testing.B) {
	for _, percent := range []int{0, 1} {
		b.Run(fmt.Sprintf("fill=%d%%", percent), func(b *testing.B) {
			f := filled(b, percent)
			f.mustAdd(b, "warm")
			b.ReportAllocs()
			for b.Loop() {
				kittest.Must(b, os.Remove(f.indexFile(b)))
				f.mustDel(b, "none")
			}
		})
	}
}

func filled(b *testing.B, percent int) *fixture {
	b.Helper()
	f := newFixture(b, `"ranges":[[{"subnet":"10.1.0.0/16"}]]`)
	f.write(b, "last_reserved_ip.0", "10.1.128.0")
	random := rand.New(rand.NewPCG(7, 7))
	for n := 2; n < 1<<16-1; n++ {
		if random.IntN(100) < percent {
			f.write(b, netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}).String(),
				fmt.Sprintf("container-%d\r\neth0", n))
		}
	}
	return f
}
