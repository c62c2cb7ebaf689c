package portmap_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libcni/libcni/core/internal/kit/kittest"
)

// busy is how long the process has kept a processor busy. Another process of the machine adds
// nothing.
func busy(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	kittest.Must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestManyPorts has 20,000 ports of one container. Each verb takes less than a second on an idle
// machine, also where each port needs an element of its own.
func TestManyPorts(t *testing.T) {
	const number, most = 20_000, 2 * time.Second
	entries := func(step, offset int) string {
		var all []string
		for i := range number {
			all = append(all, fmt.Sprintf(`{"hostPort":%d,"containerPort":%d,"hostIP":"0.0.0.0"}`,
				10_000+i*step, 10_000+i*step+offset))
		}
		return strings.Join(all, ",")
	}
	for _, c := range []struct {
		name, mappings string
		elements       int // 0: one for each port
	}{
		{"a range", `{"hostPort":10000,"containerPort":10000,"range":20000}`, 9},
		{"entries", entries(1, 0), 5},
		{"a range of UDP", `{"hostPort":10000,"containerPort":10000,"range":20000,"protocol":"udp"}`, 9},
		{
			"a range on one address",
			`{"hostPort":10000,"containerPort":10000,"range":20000,"hostIP":"192.0.2.1"}`, 5,
		},
		{
			"a range with other numbers",
			`{"hostPort":10000,"containerPort":20000,"range":20000,"hostIP":"0.0.0.0"}`, 0,
		},
		{"entries with gaps", entries(2, 0), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			one := r.container("a", 2)
			mapping := config(c.mappings)
			within := func(verb string, call func()) {
				t.Helper()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				begun := busy(t)
				call()
				took := busy(t) - begun
				runtime.ReadMemStats(&after)
				t.Logf("%s: %v, %d MiB", verb, took, (after.TotalAlloc-before.TotalAlloc)>>20)
				if took > most {
					t.Errorf("%s took %v", verb, took)
				}
			}
			within("ADD", func() { r.mustAdd(one, mapping) })
			elements := slices.DeleteFunc(r.elements(), func(e string) bool {
				return !strings.Contains(e, "network a") // what ends a range
			})
			if c.elements != 0 && len(elements) != c.elements {
				t.Errorf("elements %q", elements)
			}
			within("CHECK", func() {
				kittest.Same(t, "drift", []string(nil), r.drift(one, mapping))
			})
			r.flushRuleset()
			within("repair", func() {
				if len(r.repair(one, mapping)) == 0 {
					t.Error("nothing repaired")
				}
			})
			kittest.Same(t, "drift", []string(nil), r.drift(one, mapping))
			within("DEL", func() { kittest.Must(t, r.del(one, mapping)) })
			kittest.Same(t, "left", []string(nil), r.elements())
		})
	}
}
