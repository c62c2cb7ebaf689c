package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentRegions(t *testing.T) {
	const page = "a\n<!-- generated: x -->\nold\n<!-- end -->\nb\n"
	for _, tt := range []struct {
		name        string
		parts       map[string]string
		want, error string
	}{
		{"replaced", map[string]string{"x": "new\n"}, strings.Replace(page, "old", "new", 1), ""},
		{"a region that is missing", map[string]string{"x": "", "y": ""}, "", "y"},
		{"a region that is unknown", map[string]string{}, "", `"x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.WriteFile(filepath.Join(root, "page.md"), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
			parts := func(*source) map[string]string { return tt.parts }
			got, err := document("page.md", parts).write(&source{root: root})
			if tt.error != "" {
				if err == nil || !strings.Contains(err.Error(), tt.error) {
					t.Errorf("got error %v, want one about %s", err, tt.error)
				}
				return
			}
			if err != nil || string(got) != tt.want {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestRoff(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`a\b`, `a\eb`},
		{".conf files", `\&.conf files`},
		{"one\n'two'", "one\n\\&'two'"},
	} {
		if got := roff(tt.text); got != tt.want {
			t.Errorf("roff(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
