package main

import (
	"strings"
	"unicode"
)

// roff escapes text for a manual page.
func roff(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, `\`, `\e`), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// roffLines writes a paragraph.
func roffLines(text string) string { return roff(wrap("", text)) + "\n" }

// roffParagraphs writes paragraphs; one that begins with a blank is preformatted.
func roffParagraphs(text []string) string {
	var b strings.Builder
	for _, paragraph := range text {
		if strings.HasPrefix(paragraph, " ") {
			lines := dedent(strings.Split(paragraph, "\n"))
			b.WriteString(".Bd -literal -offset indent\n" + roff(lines) + "\n.Ed\n")
		} else {
			b.WriteString(".Pp\n" + roffLines(paragraph))
		}
	}
	return b.String()
}

func lowerFirst(text string) string {
	runes := []rune(text)
	runes[0] = unicode.ToLower(runes[0])
	return string(runes)
}
