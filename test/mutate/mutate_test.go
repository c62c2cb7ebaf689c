package main

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The sources move: each change must still find its function and its statement there.
func TestEveryChangeFindsItsPlace(t *testing.T) {
	const root = "../.."
	all, err := mutations(root)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range all {
		if names[m.String()] {
			t.Errorf("there are two changes %s", m)
		}
		names[m.String()] = true

		path, text, err := m.place.change(root)
		if err != nil {
			t.Errorf("%s: %v", m, err)
			continue
		}
		if before, err := os.ReadFile(path); err != nil || bytes.Equal(before, text) {
			t.Errorf("%s changes nothing (%v)", m, err)
		}
		if filepath.Ext(path) == ".go" {
			if _, err := parser.ParseFile(token.NewFileSet(), path, text, 0); err != nil {
				t.Errorf("%s: %v", m, err)
			}
		}
	}
}

const sample = `package sample

func (t *thing) run(ctx int) (int, error) {
	for i := len(t.list) - 1; i >= 0; i-- {
		t.send(i)
	}
	if err := t.check(ctx); err != nil {
		return 0, err
	}
	defer t.unlock()
	if t.ready && !t.done {
		return t.last()
	}
	steps := []step{{do: t.first}, {do: t.second, undo: t.revert}}
	return steps.run(mode)
}
`

func TestOperators(t *testing.T) {
	for _, c := range []struct {
		name     string
		operator operator
		was, is  string // empty: an error
	}{
		{"a statement", drop("send"), "t.send(i)", "if false { t.send(i) }"},
		{"a condition's statement", drop("check"),
			"if err := t.check(ctx); err != nil {\n\t\treturn 0, err\n\t}",
			"if false { if err := t.check(ctx); err != nil {\n\t\treturn 0, err\n\t} }"},
		{"a return statement", drop("last"), "return t.last()",
			"if false { return t.last()}; return *new(int), *new(error)"},
		{"a name that is used twice", drop("t"), "", ""},
		{"a definition", drop("first"), "", ""},
		{"a step", dropElement("first"), "{do: t.first}, {", "{"},
		{"the last step", dropElement("second"), ", {do: t.second, undo: t.revert}", ""},
		{"a field", dropField("revert"), ", undo: t.revert", ""},
		{"a condition that is false", never("ready"), "t.ready &&", "(false && (t.ready)) &&"},
		{"a condition that is true", always("done"), "!t.done", "(true || (!t.done))"},
		{"another value", swap("mode", "0"), "run(mode)", "run(0)"},
		{"a deferred call", now("t.unlock"), "defer t.unlock", "t.unlock"},
		{"an answer", answer("0, nil"), "error) {", "error) {\nif true { return 0, nil }\n"},
		{"a loop", forwards(), "i := len(t.list) - 1; i >= 0; i--", "i := 0; i <= len(t.list) - 1; i++"},
	} {
		t.Run(c.name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "sample.go")
			if err := os.WriteFile(path, []byte(sample), 0o644); err != nil {
				t.Fatal(err)
			}
			_, got, err := inGo{
				directory: directory[1:], function: "thing.run", operator: c.operator,
			}.change("/")
			if c.was == "" {
				if err == nil {
					t.Errorf("no error, but\n%s", got)
				}
				return
			}
			if want := strings.Replace(sample, c.was, c.is, 1); err != nil || string(got) != want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

func TestStatementsOfC(t *testing.T) {
	const text = "int f(int a);\n\nint f(int a)\n{\n    int b;\n\n    if (ready(a) &&\n        a > " +
		"1)\n        return 2;\n" +
		"    while (next()) {\n        b();\n    }\n    c(\n        a);\n    return 0;\n}\n"
	for name, gone := range map[string]string{
		"ready": "    if (ready(a) &&\n        a > 1)\n        return 2;\n",
		"next":  "    while (next()) {\n        b();\n    }\n",
		"c":     "    c(\n        a);\n",
	} {
		got, err := dropC(text, "f", name)
		if want := strings.Replace(text, gone, "", 1); err != nil || got != want {
			t.Errorf("%s: %v, got\n%s", name, err, got)
		}
	}
	for function, name := range map[string]string{"g": "c", "f": "absent"} {
		if _, err := dropC(text, function, name); err == nil {
			t.Errorf("%s in %s: no error", name, function)
		}
	}
}
