package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dropC leaves a statement of a function in C out: the one that names something, together with the
// statement that it controls. The sources are laid out by clang-format.
func dropC(text, function, name string) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	from, to, err := bodyOf(lines, function)
	if err != nil {
		return "", err
	}
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
	at := -1
	for i := from; i < to; i++ {
		if !word.MatchString(lines[i]) {
			continue
		}
		if at >= 0 {
			return "", fmt.Errorf("%s names %s more than once", function, name)
		}
		at = i
	}
	if at < 0 {
		return "", fmt.Errorf("%s does not name %s", function, name)
	}

	begin := at
	for begin > from && !endsStatement(lines[begin-1]) {
		begin--
	}
	end := endOfStatement(lines, begin)
	return strings.Join(slices.Delete(lines, begin, end), ""), nil
}

// bodyOf returns the lines between the braces of a function, which are in the first column.
func bodyOf(lines []string, function string) (from, to int, err error) {
	head := regexp.MustCompile(`^[a-zA-Z].*\b` + regexp.QuoteMeta(function) + `\(`)
	for i, line := range lines {
		if !head.MatchString(line) || strings.HasSuffix(line, ";\n") {
			continue
		}
		for from = i; from < len(lines) && lines[from] != "{\n"; from++ {
		}
		for to = from; to < len(lines) && lines[to] != "}\n"; to++ {
		}
		if to < len(lines) {
			return from + 1, to, nil
		}
	}
	return 0, 0, fmt.Errorf("no function %s", function)
}

func endsStatement(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasSuffix(line, ";") || strings.HasSuffix(line, "{") ||
		strings.HasSuffix(line, "}") || strings.HasSuffix(line, "*/")
}

// endOfStatement returns the line after a statement. A condition has the next statement, or a
// block.
func endOfStatement(lines []string, begin int) int {
	depth := 0
	for i := begin; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		depth += strings.Count(line, "{") - strings.Count(line, "}")
		if depth == 0 && (strings.HasSuffix(line, ";") || strings.HasSuffix(line, "}")) {
			return i + 1
		}
	}
	return len(lines)
}
