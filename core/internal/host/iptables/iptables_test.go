package iptables

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/spawn"
)

func TestTableSurvivesEveryVariant(t *testing.T) {
	for _, test := range []struct {
		name string
		find func(context.Context) (*Tool, error)
	}{
		{"the host's", func(context.Context) (*Tool, error) { return Find(spawn.ForkExec, IPv4) }},
		{"the host's IPv6", func(context.Context) (*Tool, error) { return Find(spawn.ForkExec, IPv6) }},
		{"legacy", func(ctx context.Context) (*Tool, error) {
			return FindLegacy(ctx, spawn.ForkExec, IPv4)
		}},
		{"legacy IPv6", func(ctx context.Context) (*Tool, error) {
			return FindLegacy(ctx, spawn.ForkExec, IPv6)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			netnstest.Host(t)
			tool, err := test.find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			rule := []string{"-m", "comment", "--comment", `it's "quoted" \ here`, "-j", "ACCEPT"}
			apply := func(lines ...string) {
				t.Helper()
				if err := tool.Apply(t.Context(), "filter", lines); err != nil {
					t.Fatal(err)
				}
			}
			apply(NewChain("CNI-FORWARD"), Line(append([]string{"-A", "CNI-FORWARD"}, rule...)...),
				"-I FORWARD 1 -j CNI-FORWARD", "-P FORWARD DROP")
			want := &Table{
				Policies: map[string]string{"INPUT": "ACCEPT", "FORWARD": "DROP", "OUTPUT": "ACCEPT"},
				Chains: map[string][][]string{"INPUT": nil, "OUTPUT": nil,
					"FORWARD": {{"-j", "CNI-FORWARD"}}, "CNI-FORWARD": {rule}},
			}
			got, err := tool.Read(t.Context(), "filter")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the table (-want +got):\n%s", diff)
			}
			err = tool.Apply(t.Context(), "filter", []string{"-A CNI-FORWARD -j DROP", "-A NOWHERE -j DROP"})
			if err == nil || !strings.Contains(err.Error(), "restore") {
				t.Errorf("a line that cannot be applied: %v", err)
			}
			if after, _ := tool.Read(t.Context(), "filter"); !cmp.Equal(want, after) {
				t.Error("half of a change was applied")
			}
			apply(Line(append([]string{"-D", "CNI-FORWARD"}, rule...)...))
		})
	}
}

func TestLegacyTablesAreSeenWithoutAProcess(t *testing.T) {
	netnstest.Host(t)
	if HasLegacyTable(IPv4, "filter") {
		t.Error("a fresh namespace has one")
	}
	if out, err := exec.Command("iptables-legacy", "-P", "FORWARD",
		"DROP").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !HasLegacyTable(IPv4, "filter") || HasLegacyTable(IPv4, "mangle") ||
		HasLegacyTable(IPv6, "filter") {
		t.Error("filter of IPv4 is there, and no other")
	}
}

func TestMissingIptablesIsTold(t *testing.T) {
	if _, err := find(spawn.ForkExec, "no-such-iptables"); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
}

func TestProcessHasAnEnvironmentOfItsOwnAndEndsWithTheContext(t *testing.T) {
	t.Setenv("XTABLES_LIBDIR", "/no/such") // would make iptables fail
	var env []string
	var started spawn.Started
	start := func(s spawn.Spec) (_ spawn.Started, err error) {
		env = s.Env
		started, err = spawn.ForkExec(s)
		return started, err
	}
	tool := &Tool{start: start}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tool.run(ctx, "/bin/sleep", nil, "600"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := exec.Command("kill", "-0", "--", "-"+strconv.Itoa(started.PID)).Run(); err == nil {
		t.Error("the process is still there")
	}
	if diff := cmp.Diff([]string{"LC_ALL=C"}, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, listing string
		want          *Table
	}{
		{"nothing", "", &Table{Policies: map[string]string{}, Chains: map[string][][]string{}}},
		{"quotes",
			"-N X\n-A X -m comment --comment \"a \\\"b\\\" c\" -j Y\n-A X -m comment --comment a\\'b\n",
			&Table{Policies: map[string]string{}, Chains: map[string][][]string{"X": {
				{"-m", "comment", "--comment", `a "b" c`, "-j", "Y"}, {"-m", "comment", "--comment", "a'b"}}}}},
		{"counters", "-P X ACCEPT -c 9 9\n-A X -i a -c 12 840 -j Y\n" +
			"-A X -m comment --comment -c -c 1 2 -j Y",
			&Table{Policies: map[string]string{"X": "ACCEPT"},
				Chains: map[string][][]string{"X": {{"-i", "a", "-j", "Y"},
					{"-m", "comment", "--comment", "-c", "-j", "Y"}}},
				Counts: map[string][]Count{"X": {{12, 840}, {1, 2}}}}},
		{"an open quote", "-A X \"a\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parse(test.listing)
			if (err != nil) != (test.want == nil) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
