package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// mutation is a change that some test must notice.
type mutation struct {
	name  string
	place place
	tests []string // packages, or PACKAGE:EXPRESSION; one of them must fail
}

func (m mutation) String() string { return fmt.Sprintf("%s: %s", m.place, m.name) }

func (m mutation) isChosen(words []string) bool {
	for _, word := range words {
		if strings.Contains(m.String(), word) {
			return true
		}
	}
	return len(words) == 0
}

// place is where a change is made.
type place interface {
	fmt.Stringer
	// change returns the file below the root that is changed and its new text.
	change(root string) (path string, text []byte, err error)
}

// inGo is a function of a Go package, wherever in the package it stands.
type inGo struct {
	directory, function string
	operator            operator
}

func (p inGo) String() string { return p.directory + ": " + p.function }

func (p inGo) change(root string) (string, []byte, error) {
	f, err := findFunction(filepath.Join(root, p.directory), p.function)
	if err != nil {
		return "", nil, err
	}
	edits, err := p.operator(f)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", p.directory, err)
	}
	return f.path, f.apply(edits), nil
}

// inC is a function in C, one of whose statements is left out.
type inC struct {
	path, function, statement string
}

func (p inC) String() string { return p.path + ": " + p.function }

func (p inC) change(root string) (string, []byte, error) {
	path := filepath.Join(root, p.path)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	changed, err := dropC(string(text), p.function, p.statement)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", p.path, err)
	}
	return path, []byte(changed), nil
}

// inMap is a function that the map of symbols no longer exports.
type inMap struct{ symbol string }

const symbolMap = "capi/libcni.map"

func (p inMap) String() string { return symbolMap + ": " + p.symbol }

func (p inMap) change(root string) (string, []byte, error) {
	path := filepath.Join(root, symbolMap)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	line := "\t\t" + p.symbol + ";\n"
	if strings.Count(string(text), line) != 1 {
		return "", nil, fmt.Errorf("%s does not export %s once", symbolMap, p.symbol)
	}
	return path, []byte(strings.Replace(string(text), line, "", 1)), nil
}

var exported = regexp.MustCompile(`(?m)^\t\t(cni_\w+);$`)

// mutations returns those of the sources, and one for each function that libcni.so exports.
func mutations(root string) ([]mutation, error) {
	text, err := os.ReadFile(filepath.Join(root, symbolMap))
	if err != nil {
		return nil, err
	}
	all := sources()
	for _, m := range exported.FindAllStringSubmatch(string(text), -1) {
		all = append(all, mutation{"it is not exported", inMap{m[1]}, []string{"./test/structure"}})
	}
	return all, nil
}
