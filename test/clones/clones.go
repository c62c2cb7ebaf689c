// Package clones finds blocks of lines that stand in a tree more than once, whatever their layout,
// comments, strings and numbers.
package clones

import (
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// Shortest is the length of a block, in lines of code, from which on it counts.
const Shortest = 6

// Line is a line of code in a normal form.
type Line struct {
	Number int
	Text   string
}

// Block is a run of lines that stand elsewhere too.
type Block struct {
	Path        string
	First, Last int // numbers of its lines
	Lines       int // lines of code
}

// Mode says what two lines must have in common to be equal.
type Mode int

const (
	Letter Mode = iota // their tokens, but for the values of strings and numbers
	Shape              // the kinds of their tokens: names may differ too
)

// Go returns the lines of a Go source without comments, imports and lines of punctuation.
func Go(source []byte, mode Mode) []Line {
	files := token.NewFileSet()
	file := files.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, func(token.Position, string) {}, 0)

	var lines []Line
	var code strings.Builder
	number, hasCode, inImport, depth := 0, false, false, 0
	flush := func() {
		if hasCode {
			lines = append(lines, Line{number, code.String()})
		}
		code.Reset()
		hasCode = false
	}
	for {
		position, kind, literal := s.Scan()
		if kind == token.EOF {
			flush()
			return lines
		}
		if line := files.Position(position).Line; line != number {
			flush()
			number = line
		}
		switch {
		case kind == token.IMPORT:
			inImport, depth = true, 0
		case inImport && kind == token.LPAREN:
			depth++
		case inImport && kind == token.RPAREN:
			depth--
		case inImport && kind == token.SEMICOLON && depth == 0:
			inImport = false
		}
		if inImport || kind == token.SEMICOLON && literal == "\n" || kind == token.PACKAGE {
			continue
		}
		hasCode = hasCode || kind.IsLiteral() || kind.IsKeyword()
		code.WriteString(normal(kind, literal, mode) + " ")
	}
}

func normal(kind token.Token, literal string, mode Mode) string {
	switch {
	case kind == token.IDENT && mode == Letter:
		return literal
	case kind.IsLiteral():
		return kind.String()
	}
	return kind.String()
}

// Text returns the lines of a source in C, Python or a shell's language: blanks are folded and
// comments, imports and lines of punctuation left out.
func Text(source []byte) []Line {
	var lines []Line
	inComment := false
	for i, line := range strings.Split(string(source), "\n") {
		line = strings.Join(strings.Fields(line), " ")
		switch {
		case inComment:
			inComment = !strings.Contains(line, "*/")
			continue
		case strings.HasPrefix(line, "/*"):
			inComment = !strings.Contains(line, "*/")
			continue
		case strings.HasPrefix(line, "//"), strings.HasPrefix(line, "#"),
			strings.HasPrefix(line, "import "), strings.HasPrefix(line, "from "):
			continue
		}
		if strings.ContainsFunc(line, isWord) {
			lines = append(lines, Line{i + 1, line})
		}
	}
	return lines
}

func isWord(r rune) bool { return r == '_' || 'a' <= r|0x20 && r|0x20 <= 'z' }

// Repeated returns the blocks of each file that stand in another place of the same tree, in the
// order of their paths.
func Repeated(tree map[string][]Line) (blocks []Block) {
	places := map[string]int{}
	for _, lines := range tree {
		for i := range windows(lines) {
			places[window(lines, i)]++
		}
	}
	return gather(tree, func(text string) bool { return places[text] > 1 })
}

// Shared returns the blocks of a tree that stand in another one.
func Shared(tree, other map[string][]Line) []Block {
	there := map[string]bool{}
	for _, lines := range other {
		for i := range windows(lines) {
			there[window(lines, i)] = true
		}
	}
	return gather(tree, func(text string) bool { return there[text] })
}

func windows(lines []Line) int { return max(len(lines)-Shortest+1, 0) }

func window(lines []Line, from int) string {
	var text strings.Builder
	for _, line := range lines[from : from+Shortest] {
		text.WriteString(line.Text + "\n")
	}
	return text.String()
}

// gather joins the windows that match into blocks.
func gather(tree map[string][]Line, match func(string) bool) (blocks []Block) {
	var paths []string
	for path := range tree {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		lines, end := tree[path], -1
		for i := range windows(lines) {
			if !match(window(lines, i)) {
				continue
			}
			last := i + Shortest - 1
			if i > end {
				blocks = append(blocks, Block{Path: path, First: lines[i].Number})
				end = i - 1
			}
			b := &blocks[len(blocks)-1]
			b.Lines += last - end
			b.Last, end = lines[last].Number, last
		}
	}
	return blocks
}
