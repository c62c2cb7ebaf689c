package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// fullRun is a report of a run of every case, in which Go's libcni took 90 times as long.
func fullRun() *report {
	r := &report{Machine: map[string]string{"cores": "$1"}}
	for _, c := range cases() {
		r.Cases = append(r.Cases, caseTime{c.name, 100})
	}
	for _, name := range []string{bridgeCase, fullCase} {
		for _, method := range []string{"add", "del"} {
			r.addTurns(name, libcni, method, drifting(5, 10, time.Millisecond))
			r.addTurns(name, reference, method, drifting(5, 10, 90*time.Millisecond))
		}
	}
	r.NotMeasured = []string{"full chain: a peer"}
	r.evaluate()
	return r
}

func TestFiguresAreWrittenIntoTheDocuments(t *testing.T) {
	t.Chdir("..")
	documents := map[string]string{}
	for range 2 { // the second time over what was written
		for _, e := range fullRun().edits() {
			if documents[e.file] == "" {
				content, err := os.ReadFile(e.file)
				if err != nil {
					t.Fatal(err)
				}
				documents[e.file] = string(content)
			}
			text, err := e.apply(documents[e.file])
			if err != nil {
				t.Fatal(err)
			}
			documents[e.file] = text
		}
	}
	for file, want := range map[string][]string{
		"docs/performance.md": {
			"\n| full chain, ADD, times faster than Go's libcni, nftables | 45  | 80  | 90.00  " +
				"| 90.00 – 90.00 | goal |\n",
			"\n| cold, times faster than cnitool | 15  | 25  | not measured |  |  |\n",
			"\n- cores: $1\n- took: 20 minutes\n", "\n| full chain | libcni | add | 50 |",
			"\nNot measured: full chain: a peer\n", "\n## Where the time of a call goes\n",
		},
		"README.md": {
			"| 90 and 90 times faster, with the full chain 90 and 90 times ([figures]",
			"It takes 20 minutes; `QUICK=1`",
		},
		"docs/contributing/long-tests.md": {"(../performance.md) | 20 minutes |\n"},
	} {
		for _, text := range want {
			if !strings.Contains(documents[file], text) {
				t.Errorf("%s has no %q", file, text)
			}
		}
	}
}

func TestOnlyAFullRunIsDocumented(t *testing.T) {
	if err := fullRun().complete(); err != nil {
		t.Errorf("a full run: %v", err)
	}
	for name, spoil := range map[string]func(*report){
		"failed":             func(r *report) { r.Failure = "no link" },
		"quick":              func(r *report) { r.Quick = true },
		"of two builds":      func(r *report) { r.Ratios = []ratio{{}} },
		"without one case":   func(r *report) { r.Cases = r.Cases[1:] },
		"without case times": func(r *report) { r.Cases = nil },
	} {
		r := fullRun()
		spoil(r)
		if r.complete() == nil {
			t.Errorf("a run that was %s is taken for a full one", name)
		}
	}
}

func TestReadmeNamesThePeersThatArePinned(t *testing.T) {
	t.Chdir("..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("\nCompared with Go's libcni %s and the reference plugins %s. ", module("cni"),
		module("plugins"))
	if !strings.Contains(string(readme), want) {
		t.Errorf("README.md has no %q", want)
	}
}

func TestIntervalOfATargetIsOfItsTurns(t *testing.T) {
	r := &report{}
	r.addTurns(fullCase, libcni, "add", drifting(20, 10, time.Millisecond))
	r.addTurns(fullCase, netavark, "add", drifting(20, 10, 30*time.Millisecond))
	for _, x := range r.fullTargets() {
		if x.Row != "full chain, ADD, times faster than "+netavark {
			continue
		}
		if x.Low == 0 || x.Low > 30 || x.High < 30 || !x.Larger || x.verdict() != "must" {
			t.Errorf("%+v, %s; want an interval that holds 30", x, x.verdict())
		}
		return
	}
	t.Error("there is no such row")
}
