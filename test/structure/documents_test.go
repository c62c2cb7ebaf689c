package structure

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents lists what people read: every Markdown file and man page.
func documents(t *testing.T) []string {
	t.Helper()
	list := exec.Command("git", "ls-files", "*.md", "docs/man/*")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	var files []string
	for _, name := range strings.Fields(string(out)) {
		files = append(files, filepath.Join(root, name))
	}
	if len(files) == 0 {
		t.Fatal("no documents")
	}
	return files
}

func readPath(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHelpListsEveryTarget(t *testing.T) {
	help := exec.Command("make", "-s", "help")
	help.Dir = root
	out, err := help.Output()
	if err != nil {
		t.Fatalf("make help: %v", err)
	}
	listed := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			t.Errorf("make help: %q does not say what the target does", line)
			continue
		}
		listed[fields[0]] = true
	}
	for _, line := range strings.Split(read(t, "Makefile"), "\n") {
		if names, found := strings.CutPrefix(line, ".PHONY:"); found {
			for _, name := range strings.Fields(names) {
				if !listed[name] {
					t.Errorf("make help does not list %s", name)
				}
				delete(listed, name)
			}
		}
	}
	for name := range listed {
		t.Errorf("make help lists %s, which is not a target", name)
	}
}

func TestHeaderIsASCII(t *testing.T) {
	for i, line := range strings.Split(read(t, "include/cni.h"), "\n") {
		for _, r := range line {
			if r > 126 || r < 32 && r != '\t' {
				t.Errorf("include/cni.h:%d: %q", i+1, r)
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)

func TestLinksOfDocumentsLeadToFiles(t *testing.T) {
	for _, path := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readPath(t, path), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}
