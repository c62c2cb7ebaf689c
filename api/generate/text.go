package main

import (
	"strings"
	"text/template"
	"unicode"
)

// columns is the width of generated text.
const columns = 100

// wrap breaks text into lines that begin with prefix and have at most columns characters.
func wrap(prefix, text string) string {
	var lines []string
	line := prefix
	for _, word := range strings.Fields(text) {
		if line != prefix && len(line)+1+len(word) > columns {
			lines = append(lines, line)
			line = prefix
		}
		if line != prefix {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}

// column writes cells at fixed columns, and wraps the last one below its own beginning. A cell that
// reaches into the next column moves the rest to the next line.
func column(prefix string, widths []int, cells ...string) string {
	head := prefix
	at := len(prefix)
	var out []string
	for i, cell := range cells[:len(cells)-1] {
		head += cell
		at += widths[i]
		if len(head)+1 > at {
			out = append(out, head)
			head = prefix
		}
		head += strings.Repeat(" ", at-len(head))
	}
	text := wrap(prefix+strings.Repeat(" ", at-len(prefix)), cells[len(cells)-1])
	text = head + text[at:]
	return strings.Join(append(out, strings.TrimRight(text, " ")), "\n")
}

// list joins words with commas, and the last with a word such as "and".
func list(words []string, last string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}

// paragraphs writes each paragraph after prefix, with an empty line before it. One that begins with
// a blank is preformatted.
func paragraphs(prefix string, text []string) string {
	var b strings.Builder
	for _, paragraph := range text {
		b.WriteString(strings.TrimRight(prefix, " ") + "\n")
		if !strings.HasPrefix(paragraph, " ") {
			b.WriteString(wrap(prefix, paragraph) + "\n")
			continue
		}
		for _, line := range strings.Split(paragraph, "\n") {
			b.WriteString(prefix + line + "\n")
		}
	}
	return b.String()
}

// render executes a template.
func render(name, text string, functions template.FuncMap, data any) ([]byte, error) {
	t, err := template.New(name).Funcs(functions).Parse(text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	err = t.Execute(&b, data)
	return []byte(b.String()), err
}

// asSentence begins text with a capital, unless it begins with a name, and ends it with a period.
func asSentence(text string) string {
	first := []rune(text)
	if word, _, _ := strings.Cut(text, " "); word != "netns" && word == strings.ToLower(word) &&
		!strings.Contains(word, "_") { // a name keeps its case
		first[0] = unicode.ToUpper(first[0])
	}
	return strings.TrimSuffix(string(first), ".") + "."
}
