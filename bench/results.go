package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// result is the time that one side took for one method of one case.
type result struct {
	Case   string  `json:"case"`
	Side   string  `json:"side"`
	Method string  `json:"method"`
	Count  int     `json:"count"`
	P50    float64 `json:"p50ms"`
	P90    float64 `json:"p90ms"`
	P99    float64 `json:"p99ms"`
	Min    float64 `json:"minMs"`
}

// figure is a measurement other than the time of a call.
type figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// The names of the figures from which others are computed.
const (
	sizeFigure     = "size of libcni.so"
	callsFigure    = "ADD and DEL made by one process"
	attachedFigure = "containers attached at most"
	aTenth         = "a tenth of them"
	all            = "all of them"
)

// caseTime is the time that a case took, its preparations included.
type caseTime struct {
	Case    string  `json:"case"`
	Seconds float64 `json:"seconds"`
}

// row identifies a row of results.
type row struct{ name, side, method string }

type report struct {
	Machine     map[string]string `json:"machine"`
	Quick       bool              `json:"quick"`
	Failure     string            `json:"failure,omitempty"`
	Cases       []caseTime        `json:"cases"`
	Results     []result          `json:"results"`
	Figures     []figure          `json:"figures"`
	Targets     []target          `json:"targets"`
	Ratios      []ratio           `json:"ratios,omitempty"` // of the baseline to this build
	NotMeasured []string          `json:"notMeasured,omitempty"`

	turns map[row][][]time.Duration // of the sides that took turns
}

// addTurns adds a row of a side that took turns.
func (r *report) addTurns(name, side, method string, turns [][]time.Duration) {
	if r.turns == nil {
		r.turns = map[row][][]time.Duration{}
	}
	r.turns[row{name, side, method}] = turns
	r.add(name, side, method, slices.Concat(turns...))
}

func (r *report) add(name, side, method string, times []time.Duration) {
	if len(times) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(percent int) float64 { return milliseconds(sorted[(len(sorted)-1)*percent/100]) }
	r.Results = append(r.Results,
		result{name, side, method, len(sorted), at(50), at(90), at(99), milliseconds(sorted[0])})
}

func (r *report) figure(name, unit string, value float64) {
	r.Figures = append(r.Figures, figure{name, value, unit})
}

// p50 returns the median, or 0 if the row was not measured.
func (r *report) p50(name, side, method string) float64 {
	for _, x := range r.Results {
		if x.Case == name && x.Side == side && x.Method == method {
			return x.P50
		}
	}
	return 0
}

func (r *report) value(name string) float64 {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}

func median(times []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(times))[(len(times)-1)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// write leaves results.json and chart.svg in the build directory.
func (r *report) write(build string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(build, "bench", "results.json"), append(text, '\n'),
		0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(build, "bench", "chart.svg"), []byte(r.svg()), 0o644)
}

// machine describes where the benchmark ran, and with which versions.
func machine(build string) map[string]string {
	m := map[string]string{"cores": strconv.Itoa(runtime.NumCPU()), "go": runtime.Version()}
	var uname unix.Utsname
	if unix.Uname(&uname) == nil {
		m["kernel"] = unix.ByteSliceToString(uname.Release[:])
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
				m["cpu"] = strings.TrimSpace(value)
			}
		}
	}
	m["date"] = time.Now().UTC().Format(time.DateTime) + " UTC"
	m["load as it began"] = loadAverages()
	built, _ := netavarkPath(build, netavark)
	ofPackage, _ := netavarkPath(build, packagedNetavark)
	for name, command := range map[string][]string{
		"cc": {"cc", "--version"}, "nft": {"nft", "--version"}, "iptables": {"iptables", "--version"},
		"netavark": {built, "--version"}, packagedNetavark: {ofPackage, "--version"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			m[name] = line
		}
	}
	m["libcni"] = defined("include/cni.h", "CNI_VERSION")
	m["peers"] = "reference plugins v" + module("plugins") + ", Go's libcni v" + module("cni")
	return m
}

func loadAverages() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

// defined returns a string that a header defines.
func defined(header, name string) string {
	text, _ := os.ReadFile(header)
	_, after, _ := strings.Cut(string(text), "#define "+name+" \"")
	value, _, _ := strings.Cut(after, "\"")
	return value
}

// module returns the version of a peer that test/peers pins.
func module(name string) string {
	text, _ := os.ReadFile("test/peers/go.mod")
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for i, field := range fields {
			if field == "github.com/containernetworking/"+name && i+1 < len(fields) {
				return strings.TrimPrefix(fields[i+1], "v")
			}
		}
	}
	return ""
}
