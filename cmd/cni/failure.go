package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/libcni/libcni/core"
)

// Exit statuses. 128+n means that signal n interrupted the run.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitDrift    = 3 // check: the attachment has changed
	exitNotReady = 4 // status: the network cannot take containers now
)

// exitStatus describes an exit status.
type exitStatus struct{ code, text string }

// exitStatuses describes every exit status, for the help and the manual page.
func exitStatuses() []exitStatus {
	return []exitStatus{
		{"0", "success"},
		{"1", "failure; standard error has the reason and, if possible, what to do"},
		{"2", "the command line or the environment is invalid; nothing was attempted"},
		{"3", "check found differences, or repair left some"},
		{"4", "status: the network cannot take containers, or connect them fully (CNI codes 50, 51)"},
		{"128+n", "signal n (SIGINT, SIGTERM) interrupted it, and it was undone; a second one kills"},
	}
}

// statusLines writes the exit statuses, one on each line.
func statusLines() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, status := range exitStatuses() {
		fmt.Fprintf(w, "  %s\t%s\n", status.code, status.text)
	}
	_ = w.Flush() // the builder never fails
	return strings.TrimSuffix(b.String(), "\n")
}

// The specification's codes for an unknown container, and for STATUS.
const (
	codeUnknownContainer = 3
	codeNotAvailable     = 50
	codeLimited          = 51
)

// failure is an error object that the engine returned.
type failure struct {
	rc       int
	response []byte
	object   core.Error
	repaired bool // it is what a repair has left
}

func newFailure(rc int, response []byte) *failure {
	f := &failure{rc: rc, response: response}
	if err := json.Unmarshal(response, &f.object); err != nil {
		f.object.Msg = fmt.Sprintf("return value %d with a malformed answer: %v", rc, err)
	}
	return f
}

func (f *failure) Error() string { return f.object.Msg }

func (f *failure) exit() int {
	switch e := &f.object; {
	case e.Kind == "drift":
		return exitDrift
	case e.Kind == "invalid-request" && e.Plugin == nil && e.RolledBack == nil:
		return exitUsage // before anything was done
	case e.Command == "STATUS" && (e.Code == codeNotAvailable || e.Code == codeLimited):
		return exitNotReady
	default:
		return exitFailed
	}
}

// report prints an error and returns the exit status.
func (a *app) report(err error) int {
	var f *failure
	var u *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errAnswered):
		return exitFailed
	case errors.As(err, &f):
		a.reportFailure(f)
		return f.exit()
	case errors.As(err, &u), !a.started:
		fmt.Fprintf(a.err, "cni: %s\nTry \"cni help\".\n", oneLine(err.Error()))
		return exitUsage
	default:
		fmt.Fprintf(a.err, "cni: %s\n", oneLine(err.Error()))
		return exitFailed
	}
}

// unwritten is the error of a verb that did what it says, and cannot print its answer. It is nil if
// there was no error.
func unwritten(err error, done string, values ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the answer cannot be written: %w; "+done, append([]any{err}, values...)...)
}

func (a *app) reportFailure(f *failure) {
	if a.json && a.printJSON(f.response) == nil {
		return
	}

	e := &f.object
	fmt.Fprintf(a.err, "cni: %s%s\n", subject(e), oneLine(inFlags(e, e.Msg)))
	for _, line := range []struct{ label, text string }{
		{"details", details(e)}, {"plugin stderr", block(e.Stderr)}, {"hint", hint(f)},
	} {
		if line.text != "" {
			fmt.Fprintf(a.err, "  %s: %s\n", line.label, line.text)
		}
	}

	if len(e.Drift) > 0 {
		w := tabwriter.NewWriter(a.err, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  PLUGIN\tOBJECT\tEXPECTED\tACTUAL")
		for _, d := range e.Drift {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", cell(d.Plugin), cell(d.Object), cell(d.Expected),
				cell(d.Actual))
		}

		w.Flush()
	}
}

// details returns the details, unless the message contains them. Those of a panic are its stack.
func details(e *core.Error) string {
	switch {
	case strings.Contains(e.Msg, e.Details):
		return ""
	case e.Kind == "bug":
		return block(e.Details)
	default:
		return oneLine(inFlags(e, e.Details))
	}
}

// subject returns the network and the plugin of an error, unless the message begins with them.
func subject(e *core.Error) string {
	var s string
	if e.Network != "" {
		s = e.Network + ": "
	}
	if e.Plugin != nil && e.Plugin.Type != "" && !strings.HasPrefix(e.Msg, e.Plugin.Type) {
		s += e.Plugin.Type + ": "
	}
	return oneLine(s)
}

// hint returns what to do next, or "".
func hint(f *failure) string {
	e := &f.object
	switch {
	case e.Kind == "drift" && f.repaired:
		return "repair could not restore this; detach and attach the container: cni del and cni add"
	case e.RolledBack != nil && !*e.RolledBack && e.Volume != "":
		return "the volume may be mounted; undo that with cni volume unmount and the same --id"
	case e.RolledBack != nil && !*e.RolledBack:
		return "the failed add left something behind; remove it with: cni del --id " + e.ContainerID
	case e.Kind == "drift":
		return driftHint(e)
	case e.Kind == "plugin-failed" && e.Command == "DEL" && e.Plugin != nil:
		return "go on past the failing plugin, and forget the attachment, with: cni del --force"
	case e.Kind == "exists" && e.Command == "ADD":
		return "detach the container first with cni del, or use --on-existing replace"
	default:
		return hints[string(e.Kind)]
	}
}

// driftHint says what restores an attachment: repair, if something differs on the host's side.
func driftHint(e *core.Error) string {
	const anew = "cni del and cni add"
	if e.Code == codeUnknownContainer {
		return "attach the container with cni add"
	}
	for _, d := range e.Drift {
		// Objects in the container are named after the interface, such as "address 10.1.0.2/24 on eth0".
		if slices.Contains(repairers, d.Plugin) && !strings.HasSuffix(d.Object, " "+e.IfName) {
			return "restore the host's side with cni repair --id " + e.ContainerID +
				"; what it cannot restore needs " + anew
		}
	}
	return "restore the attachment with " + anew
}

// repairers are the built-in plugins with objects on the host. Nothing writes to it.
var repairers = []string{"bridge", "ptp", "portmap", "firewall"}

// hints are what to do next, by kind of error. Nothing writes to them.
var hints = map[string]string{
	"network-not-found": "list the networks with cni networks; --conf-dir selects another directory",
	"plugin-not-found": "list the plugins with cni plugins; --plugin-dir or CNI_PATH names " +
		"directories of executables",
	"namespace-not-found": "create a namespace with cni netns create",
	"permission":          "run as root, or in: unshare --map-root-user --net --mount",
	"busy":                "another process is working on it; try again, with a longer --timeout",
	"timeout":             "try again, with a longer --timeout",
	"volume-plugin-not-found": "list the volume plugins with cni volume plugins; " +
		"--volume-plugin-dir selects another directory, " +
		"and an address such as unix:///run/x.sock a single plugin",
	"volume-plugin-unreachable": "check that the plugin is running; --retry waits for it",
	"volume-not-found":          "list the volumes with cni volume list",
}

// printable replaces control characters, which could drive the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// cell returns text for a table: one line that is never empty, so that columns can be counted.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return oneLine(s)
}

// block returns a text of several lines, all but the first indented.
func block(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		lines[i] = oneLine(line)
	}
	return strings.Join(lines, "\n    ")
}

// oneLine returns text without line breaks, tabs and control characters.
func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(s))
}
