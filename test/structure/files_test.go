package structure

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sourceFile is a file of the repository that people read and write.
type sourceFile struct {
	path string // below the top of the repository
	text string
}

// kind returns the language of a file, or "" if no check concerns it.
func (f sourceFile) kind() string {
	switch extension := filepath.Ext(f.path); extension {
	case ".go", ".py", ".md":
		return extension[1:]
	case ".c", ".h", ".hpp", ".in":
		return "c"
	case "":
		if strings.HasPrefix(f.text, "#!") || filepath.Base(f.path) == "Makefile" {
			return "script"
		}
	case ".1", ".3", ".7":
		return "man"
	}
	return ""
}

// generated reports whether a program writes the file: its lines and words are its source's.
func (f sourceFile) generated() bool {
	return strings.Contains(f.text[:min(len(f.text), 400)], "Code generated")
}

// sourceFiles lists the tracked files that people write, without test data.
func sourceFiles(t *testing.T) (files []sourceFile) {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for _, path := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if strings.Contains(path, "testdata/fuzz/") || path == "LICENSE" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if os.IsNotExist(err) || bytes.ContainsRune(text, 0) {
			continue // deleted but not committed yet, or not text
		}
		if err != nil {
			t.Fatal(err)
		}
		f := sourceFile{path: path, text: string(text)}
		if f.kind() != "" && !f.generated() {
			files = append(files, f)
		}
	}
	if len(files) < 100 {
		t.Fatalf("%d source files; the repository has more", len(files))
	}
	return files
}
