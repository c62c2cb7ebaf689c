package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const documented = `// Package a is one.
package a

// F is documented.
func F() {
}

func G() {}
`

func TestFiguresOfATree(t *testing.T) {
	directory := t.TempDir()
	for path, text := range map[string]string{
		"core/internal/host/a.go": documented,
		"core/a_test.go":          "package a\n",
		"capi/a.c":                "int f(void)\n{\n    return 1;\n}\nint g(void) { return 2; }\n",
		"README.md":               strings.Repeat("x", 101) + "\n",
	} {
		full := filepath.Join(directory, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	var out strings.Builder
	if err := run(&out, directory); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| core/internal/host | 8 | 0 | 0 | 0 |", "| core | 0 | 1 | 0 | 0 |", "| . | 0 | 0 | 0 | 1 |",
		"| Markdown | 1 |", "| functions, Go | 2 | 1 | 1 | 2 |", "| functions, C | 2 | 1 | 1 | 4 |",
		"| core | 1 | 2 | 50 % |",
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("no line %q in\n%s", want, &out)
		}
	}
}
