// Command figures prints measures of a source tree, as tables in Markdown: go run ./test/figures
// [DIR]. DIR may be an older checkout, so that two commits can be compared. "make figures" runs it.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	directory := "."
	if len(os.Args) > 1 {
		directory = os.Args[1]
	}
	if err := run(os.Stdout, directory); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, directory string) error {
	files, err := read(directory)
	if err != nil {
		return err
	}
	written := slices.DeleteFunc(slices.Clone(files), func(f file) bool { return f.generated })

	printFolders(w, files)
	printLongLines(w, written)
	printLengths(w, written)
	printDuplicates(w, written)
	printDocumented(w, written)
	return nil
}

// file is a source or a document.
type file struct {
	path, language  string // the path is below the top of the tree
	text            string
	test, generated bool
}

func (f file) lines() int { return strings.Count(f.text, "\n") }

// languages are those that count, by the end of a file's name.
var languages = map[string]string{
	".go": "Go", ".c": "C", ".h": "C", ".hpp": "C", ".in": "C", ".py": "Python", ".md": "Markdown",
}

// read returns the files of a tree: those that git tracks, or all files of a tree without git.
func read(directory string) (files []file, err error) {
	paths, err := tracked(directory)
	if err != nil || len(paths) == 0 {
		if paths, err = walk(directory); err != nil {
			return nil, err
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		language := languages[filepath.Ext(path)]
		if language == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(directory, path))
		if os.IsNotExist(err) {
			continue // removed, but not committed yet
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file{
			path: path, language: language, text: string(text), test: isTest(path),
			generated: strings.Contains(string(text[:min(len(text), 400)]), "Code generated"),
		})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no sources", directory)
	}
	return files, nil
}

func tracked(directory string) ([]string, error) {
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = directory
	out, err := list.Output()
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), err
}

func walk(directory string) (paths []string, err error) {
	err = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "build" || entry.Name() == ".git") {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			below, err := filepath.Rel(directory, path)
			if err != nil {
				return err
			}
			paths = append(paths, below)
		}
		return nil
	})
	return paths, err
}

func isTest(path string) bool {
	return strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "test/") ||
		strings.Contains(path, "/tests/") || strings.Contains(path, "kittest/") ||
		strings.Contains(path, "netnstest/") || strings.Contains(path, "rtnltest/")
}
