// Package iptables is the one place that runs the iptables executables: for configurations that ask
// for them, and for hosts with rules in the older tables of the kernel ("legacy"), which have no
// other interface.
//
// One process reads a table, and one changes it: all changes or none. The processes get an
// environment of their own, and wait for the lock of all iptables no longer than the context lasts.
package iptables

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/spawn"
)

// ErrMissing says that the executables are not installed.
var ErrMissing = errors.New("iptables is not installed")

// ErrIncompatible says that iptables cannot read a table, because nft has loaded it: nft saves
// rules of iptables in a form of its own, without their comments.
var ErrIncompatible = errors.New("iptables cannot read rules that nft has saved and loaded; load " +
	"what iptables-save has written with iptables-restore, or delete the table with nft and run " +
	"cni repair --all")

// Family is the kind of packets of a table.
type Family byte

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Tool is a pair of iptables executables: one that lists rules and one that changes them. Safe for
// concurrent use.
type Tool struct {
	list, restore string
	start         spawn.Starter
}

// directories are searched in this order. The host's PATH is not used.
func directories() []string {
	return []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
}

// Find returns the host's iptables for the family, whichever tables it works on, or ErrMissing.
func Find(start spawn.Starter, f Family) (*Tool, error) { return find(start, f.Program()) }

// FindLegacy returns the iptables for the older tables of the kernel, or ErrMissing.
func FindLegacy(ctx context.Context, start spawn.Starter, f Family) (*Tool, error) {
	tool, err := find(start, f.Program()+"-legacy")
	if err == nil {
		return tool, nil
	}
	if tool, plain := find(start, f.Program()); plain == nil {
		legacy, err := tool.isLegacy(ctx)
		if legacy || err != nil {
			return tool, err
		}
	}
	return nil, err
}

// Program is the name of the family's program.
func (f Family) Program() string {
	if f == IPv6 {
		return "ip6tables"
	}
	return "iptables"
}

func find(start spawn.Starter, name string) (*Tool, error) {
	for _, directory := range directories() {
		tool := &Tool{list: filepath.Join(directory, name),
			restore: filepath.Join(directory, name+"-restore"), start: start}
		if executable(tool.list) && executable(tool.restore) {
			return tool, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", name, ErrMissing)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// isLegacy asks an iptables which tables it works on. Version 1.8 says so; earlier versions know
// only the older tables.
func (t *Tool) isLegacy(ctx context.Context) (bool, error) {
	out, err := t.run(ctx, t.list, nil, "--version")
	return !strings.Contains(out, "nf_tables"), err
}

// HasLegacyTable reports whether the network namespace of the calling thread has one of the older
// tables of the kernel. They are made when they are first used. It starts no process.
func HasLegacyTable(f Family, table string) bool {
	const maxNames = 1024 // a table's name has up to 32 bytes, and there are five
	list := map[Family]string{IPv4: "ip_tables_names", IPv6: "ip6_tables_names"}[f]
	names, err := file.ReadProc("/proc/thread-self/net/"+list, maxNames)
	if err != nil { // a kernel without them
		return false
	}
	for name := range strings.FieldsSeq(string(names)) {
		if name == table {
			return true
		}
	}
	return false
}

// Table is a table in the form in which iptables lists it.
type Table struct {
	Policies map[string]string // of the chains that have one
	// the words of each rule, without "-A CHAIN"; an empty chain is in it too
	Chains map[string][][]string
	// the counters of each rule; nil unless they were read
	Counts map[string][]Count
}

// Count is what a rule has matched.
type Count struct{ Packets, Bytes uint64 }

// Read lists a table.
func (t *Tool) Read(ctx context.Context, table string) (*Table, error) {
	return t.read(ctx, table)
}

// ReadCounted is Read with the counters of the rules.
func (t *Tool) ReadCounted(ctx context.Context, table string) (*Table, error) {
	return t.read(ctx, table, "-v")
}

func (t *Tool) read(ctx context.Context, table string, more ...string) (*Table, error) {
	arguments := append(append(wait(ctx), "-t", table, "-S"), more...)
	out, err := t.run(ctx, t.list, nil, arguments...)
	if err != nil {
		return nil, err
	}
	return parse(out)
}

// Apply changes a table, all or nothing. A line is a command of iptables without the table, such as
// "-A FORWARD -j DROP". Line makes lines of words; NewChain makes the line for a chain that does
// not exist.
func (t *Tool) Apply(ctx context.Context, table string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	text := "*" + table + "\n" + strings.Join(lines, "\n") + "\nCOMMIT\n"
	_, err := t.run(ctx, t.restore, []byte(text), append(wait(ctx), "--noflush")...)
	return err
}

// NewChain returns the line that makes a chain. An existing chain of that name would lose its
// rules.
func NewChain(name string) string { return ":" + name + " - [0:0]" }

// Line joins words, with quotes where they need them.
func Line(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t'\"\\") {
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
		}
	}
	return strings.Join(quoted, " ")
}

// wait returns the option that bounds, in whole seconds, how long the lock of all iptables is
// waited for.
func wait(ctx context.Context) []string {
	const longest = 60
	seconds := float64(longest)
	if deadline, ok := ctx.Deadline(); ok {
		seconds = min(seconds, math.Ceil(time.Until(deadline).Seconds()))
	}
	return []string{"-w", strconv.Itoa(max(1, int(seconds)))}
}

const (
	outputLimit = 64 << 20
	stderrLimit = 16 << 10
	endGrace    = 2 * time.Second
)

// run starts an executable and returns its output.
func (t *Tool) run(
	ctx context.Context, path string, input []byte, arguments ...string,
) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	stdin, err := spawn.Input("iptables-input", input)
	if err != nil {
		return "", err
	}
	defer stdin.Close()
	stdout, err := spawn.NewOutput(outputLimit, false)
	if err != nil {
		return "", err
	}
	defer stdout.Close()
	stderr, err := spawn.NewOutput(stderrLimit, true)
	if err != nil {
		return "", err
	}
	defer stderr.Close()
	started, err := t.start(spawn.Spec{Path: path, Args: append([]string{path}, arguments...),
		Env:   []string{"LC_ALL=C"},
		Stdin: stdin, Stdout: stdout.Writer(), Stderr: stderr.Writer()})
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	process := spawn.New(started)
	defer process.Close()
	stdout.CloseWriter()
	stderr.CloseWriter()
	status, err := process.Wait(ctx, stdout, stderr)
	if err != nil {
		// At most it waits for a lock, so that it leaves nothing to clean up.
		err = errors.Join(err, process.Signal(syscall.SIGKILL))
		process.WaitFor(endGrace, stderr)
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if !status.Success() {
		text := strings.TrimSpace(string(stderr.Bytes()))
		err := fmt.Errorf("%s %s: %s: %s", path, strings.Join(arguments, " "), status, text)
		if strings.Contains(text, "is incompatible, use 'nft' tool") {
			err = fmt.Errorf("%w: %w", err, ErrIncompatible)
		}
		return "", err
	}
	return string(stdout.Bytes()), nil
}
