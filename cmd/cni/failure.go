package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/libcni/libcni/core"
)

// Exit statuses. 128+n is a run that signal n interrupted.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitDrift    = 3 // check: the attachment is not what it was
	exitNotReady = 4 // status: the network takes no containers now
)

// The specification's codes for STATUS.
const (
	codeNotAvailable = 50
	codeLimited      = 51
)

// failure is an error object the engine answered with.
type failure struct {
	rc       int
	response []byte
	object   core.Error
}

func newFailure(rc int, response []byte) *failure {
	f := &failure{rc: rc, response: response}
	if err := json.Unmarshal(response, &f.object); err != nil {
		f.object.Msg = fmt.Sprintf("return value %d with an answer that cannot be read: %v", rc, err)
	}
	return f
}

func (f *failure) Error() string { return f.object.Msg }

func (f *failure) exit() int {
	switch e := &f.object; {
	case e.Kind == "drift":
		return exitDrift
	case e.Command == "STATUS" && (e.Code == codeNotAvailable || e.Code == codeLimited):
		return exitNotReady
	default:
		return exitFailed
	}
}

// report tells the user what went wrong and returns the exit status.
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
		fmt.Fprintf(a.err, "cni: %s\nTry \"cni help\".\n", printable(err.Error()))
		return exitUsage
	default:
		fmt.Fprintf(a.err, "cni: %s\n", printable(err.Error()))
		return exitFailed
	}
}

func (a *app) reportFailure(f *failure) {
	if a.json && a.printJSON(f.response) == nil {
		return
	}
	e := &f.object
	fmt.Fprintf(a.err, "cni: %s%s\n", subject(e), printable(e.Msg))
	for _, line := range []struct{ label, text string }{
		{"details", details(e)}, {"the plugin wrote", strings.TrimSpace(e.Stderr)}, {"hint", hint(e)},
	} {
		if line.text != "" {
			fmt.Fprintf(a.err, "  %s: %s\n", line.label, strings.ReplaceAll(printable(line.text), "\n", "\n    "))
		}
	}
	if len(e.Drift) > 0 {
		w := tabwriter.NewWriter(a.err, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  PLUGIN\tOBJECT\tEXPECTED\tACTUAL")
		for _, d := range e.Drift {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", cell(d.Plugin), cell(d.Object), cell(d.Expected), cell(d.Actual))
		}
		w.Flush()
	}
}

// details is left out where the message has it already.
func details(e *core.Error) string {
	if strings.Contains(e.Msg, e.Details) {
		return ""
	}
	return e.Details
}

// subject says what the error is about, as far as the message does not begin with it itself.
func subject(e *core.Error) string {
	var s string
	if e.Network != "" {
		s = e.Network + ": "
	}
	if e.Plugin != nil && e.Plugin.Type != "" && !strings.HasPrefix(e.Msg, e.Plugin.Type) {
		s += e.Plugin.Type + ": "
	}
	return printable(s)
}

// hint is what to do next, where that can be said.
func hint(e *core.Error) string {
	if e.RolledBack != nil && !*e.RolledBack && e.Volume != "" {
		return "it may be mounted all the same; cni volume unmount with the same --id ends that"
	}
	if e.RolledBack != nil && !*e.RolledBack {
		return fmt.Sprintf("something of this attempt is left; remove it with: cni del --id %s", e.ContainerID)
	}
	if e.Kind == "exists" && e.Command == "ADD" {
		return "detach it first with cni del, or give --on-existing replace"
	}
	switch e.Kind {
	case "network-not-found":
		return "cni networks lists the networks that are there; --conf-dir names another directory"
	case "plugin-not-found":
		return "cni plugins lists the types that can be used; --plugin-dir or CNI_PATH names directories of executables"
	case "namespace-not-found":
		return "cni netns create makes a namespace"
	case "permission":
		return "run as root, or inside unshare --map-root-user --net --mount"
	case "busy":
		return "another process works on it; try again, with a longer --timeout"
	case "timeout":
		return "try again, with a longer --timeout"
	case "volume-plugin-not-found":
		return "cni volume plugins lists those that can be found; --volume-plugin-dir names another directory, and an address such as unix:///run/x.sock one plugin"
	case "volume-plugin-unreachable":
		return "is the plugin running? --retry waits for it"
	case "volume-not-found":
		return "cni volume list lists the volumes that are there"
	case "drift":
		return "cni del and cni add put the attachment right"
	default:
		return ""
	}
}

// printable keeps what a plugin says from driving the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// cell is text in a table: one line, and never empty, so that columns can be counted.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(printable(s))
}
