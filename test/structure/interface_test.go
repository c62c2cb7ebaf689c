package structure

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/api"
)

// description is cni.api.json as far as the tests look at it.
type description struct {
	ABI       int    `json:"abi"`
	Version   string `json:"version"`
	Soname    string `json:"soname"`
	Functions []struct {
		Name, Method, Prototype, Since string
		Summary                        string
		Request, Response              struct {
			Ref string `json:"$ref"`
		}
		Kinds []string
	} `json:"functions"`
	Kinds []struct {
		Kind        string
		Errno       []string
		Description string
	} `json:"kinds"`
	Defs map[string]json.RawMessage `json:"$defs"`
}

func describe(t *testing.T) description {
	t.Helper()
	var d description
	if err := json.Unmarshal(api.Description(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	prototype      = regexp.MustCompile(`(?m)^CNI_API ([^;]+);`)
	sinceEach      = regexp.MustCompile(`(?s)/\*\*(.*?)\*/\s*CNI_API [^;]*?(cni_[a-z_]+)\(`)
	sinceTag       = regexp.MustCompile(`@since ([0-9.]+)`)
	loaderFunction = regexp.MustCompile(`(?m)^static inline .*\b(cni_dl_[a-z_]+)\(`)
	cFunction      = regexp.MustCompile(`\bcni_[a-z][a-z_]*\(`)
)

// The generated files are what the description makes of them.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	generate := exec.Command("go", "run", "./api/generate", "-check")
	generate.Dir = root
	if out, err := generate.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// since returns the functions of the header and the version each appeared in.
func since(t *testing.T) map[string]string {
	t.Helper()
	functions := map[string]string{}
	for _, m := range sinceEach.FindAllStringSubmatch(read(t, "include/cni.h"), -1) {
		comment := m[1][strings.LastIndex(m[1], "/**")+1:] // of the function, not an earlier one
		tag := sinceTag.FindStringSubmatch(comment)
		if tag == nil {
			t.Errorf("cni.h: %s has no @since", m[2])
			continue
		}
		functions[m[2]] = tag[1]
	}
	if len(functions) != len(prototype.FindAllString(read(t, "include/cni.h"), -1)) {
		t.Errorf("cni.h: a function has no comment")
	}
	return functions
}

func TestDocumentsNameOnlyFunctionsThatExist(t *testing.T) {
	functions := since(t)
	for _, m := range loaderFunction.FindAllStringSubmatch(read(t, "include/cni_dl.h"), -1) {
		functions[m[1]] = "cni_dl.h"
	}
	for _, path := range documents(t) {
		for _, name := range cFunction.FindAllString(readPath(t, path), -1) {
			if name = strings.TrimSuffix(name, "("); functions[name] == "" {
				t.Errorf("%s: there is no function %s", path, name)
			}
		}
	}
}

func TestVersionIsTheSameEverywhere(t *testing.T) {
	d := describe(t)
	abi := regexp.MustCompile(`define CNI_ABI_VERSION (\d+)`).FindStringSubmatch(
		read(t, "include/cni.h"))[1]
	parts := regexp.MustCompile(
		`define CNI_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)`).FindAllStringSubmatch(read(t, "include/cni.h"),
		-1)
	for _, tt := range []struct{ name, want string }{
		{"CNI_VERSION", first(t, `define CNI_VERSION "([0-9.]+)"`, "include/cni.h")},
		{"CNI_VERSION_MAJOR, _MINOR, _PATCH", parts[0][1] + "." + parts[1][1] + "." + parts[2][1]},
		{"cni.api.json", d.Version},
		{"CHANGELOG.md", first(t, `(?m)^## ([0-9.]+)`, "CHANGELOG.md")},
	} {
		if tt.want != api.Version {
			t.Errorf("%s: version %s, and api.Version is %s", tt.name, tt.want, api.Version)
		}
	}
	if want := "libcni.so." + abi; d.Soname != want || describe(t).ABI != int(abi[0]-'0') {
		t.Errorf("cni.api.json: soname %s, abi %d; cni.h has ABI version %s", d.Soname, d.ABI, abi)
	}
}

// first returns the first submatch of a pattern in a file.
func first(t *testing.T, pattern, path string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(read(t, path))
	if m == nil {
		t.Fatalf("%s: nothing matches %s", path, pattern)
	}
	return m[1]
}
