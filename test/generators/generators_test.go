// Package generators tests that generators of code for other languages make clean types of the
// description of the interface.
package generators

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// source is the part of the description that generators read.
const source = root + "/api/types_generated.json"

// tool returns the path of a program that "make deps" installs below build/.
func tool(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "build", path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run make deps", err)
	}
	return path
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// typeNames are the types of the description, sorted.
func typeNames(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Defs map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	names := []string{"Libcni"} // the document
	for name := range document.Defs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// compareNames reports types that a generator left out, made twice or gave a name of its own.
func compareNames(t *testing.T, pattern, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	if diff := cmp.Diff(typeNames(t), names); diff != "" {
		t.Errorf("types (-description +generated):\n%s", diff)
	}
}

// copyProgram puts a program that uses the types beside them.
func copyProgram(t *testing.T, name, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("programs", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTypeScript(t *testing.T) {
	dir := t.TempDir()
	types := filepath.Join(dir, "libcni.d.ts")
	run(t, ".", tool(t, "npm/node_modules/.bin/json2ts"), "--unreachableDefinitions",
		"--no-additionalProperties", source, types)
	compareNames(t, `(?m)^export (?:interface|type) (\w+)`, types)
	copyProgram(t, "uses.ts", dir)
	copyProgram(t, "tsconfig.json", dir)
	run(t, dir, tool(t, "npm/node_modules/.bin/tsc"), "--project", dir)
}

func TestPython(t *testing.T) {
	dir := t.TempDir()
	types := filepath.Join(dir, "libcni_types.py")
	run(t, ".", tool(t, "venv/bin/datamodel-codegen"), "--input", source, "--input-file-type",
		"jsonschema",
		"--output-model-type", "typing.TypedDict", "--target-python-version", "3.11", "--output", types)
	compareNames(t, `(?m)^(?:class )?([A-Z]\w*)(?:\(|: TypeAlias| = TypedDict\()`, types)
	copyProgram(t, "uses.py", dir)
	run(t, dir, tool(t, "venv/bin/python"), "-m", "mypy", "--strict", "--warn-unused-ignores",
		"--cache-dir", os.DevNull, "uses.py", "libcni_types.py")
}
