package structure

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/api/model"
)

// describe returns the description of the interface.
func describe(t *testing.T) *model.API {
	t.Helper()
	d, err := model.Load(api.Description())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The generated files are what the description makes of them.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	generate := exec.Command("go", "run", "./api/generate", "-check")
	generate.Dir = root
	if out, err := generate.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

var (
	loaderFunction = regexp.MustCompile(`(?m)^CNI_DL_FUNCTION .*\b(cni_dl_[a-z_]+)\(`)
	cFunction      = regexp.MustCompile(`\bcni_[a-z][a-z_]*\(`)
)

func TestDocumentsNameOnlyFunctionsThatExist(t *testing.T) {
	exists := map[string]bool{}
	for _, f := range describe(t).Functions {
		exists[f.Name] = true
	}
	for _, m := range loaderFunction.FindAllStringSubmatch(read(t, "include/cni_dl.h"), -1) {
		exists[m[1]] = true
	}

	for _, path := range documents(t) {
		for _, name := range cFunction.FindAllString(readPath(t, path), -1) {
			if name = strings.TrimSuffix(name, "("); !exists[name] {
				t.Errorf("%s: there is no function %s", path, name)
			}
		}
	}
}

func TestVersionIsTheSameEverywhere(t *testing.T) {
	d := describe(t)
	soname := fmt.Sprintf("libcni.so.%d", d.ABI)
	for _, tt := range []struct{ path, pattern, want string }{
		{"CHANGELOG.md", `(?m)^## ([0-9.]+)`, d.Version},
		{"Makefile", `(?m)^SONAME := (.*)$`, soname},
		{"api/cni.api.json", `"soname": "(.*)"`, soname},
	} {
		m := regexp.MustCompile(tt.pattern).FindStringSubmatch(read(t, tt.path))
		if m == nil || m[1] != tt.want {
			t.Errorf("%s: got %q, and cni.api.json has %s", tt.path, m, tt.want)
		}
	}
}
