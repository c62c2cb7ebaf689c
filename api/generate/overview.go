package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/libcni/libcni/api/model"
)

// overview writes libcni(3) from the opening pages of cni.h.
func overview(api *source) ([]byte, error) {
	header, err := api.read("api/cni.h.in")
	if err != nil {
		return nil, err
	}
	_, comment, found := strings.Cut(header, "/**\n")
	comment, _, ended := strings.Cut(comment, "\n */")
	if !found || !ended {
		return nil, fmt.Errorf("cni.h.in: there is no opening comment")
	}
	text := pageHead("libcni", "container networks (CNI 1.1) for every language")
	text += functionList(api.API)
	for comments, pages := range inPages {
		if !strings.Contains(comment, comments) {
			return nil, fmt.Errorf("cni.h.in: it does not say %q any more", comments)
		}
		comment = strings.ReplaceAll(comment, comments, pages)
	}
	text += pageBody(comment, map[string]string{
		"{{keys .Common}}": keyLists{}.list(api.Common.Keys, false, nil),
		"{{error .Error}}": elsewhere(api.API, nil).list(api.Error.Keys, true, nil),
		"{{kinds .Kinds}}": allKinds(api.Kinds),
	})
	text = strings.ReplaceAll(text, "{{.Soname}}", api.Soname)
	if strings.Contains(text, "{{") {
		return nil, fmt.Errorf("cni.h.in has a part that libcni(3) does not know")
	}
	return dated(api, text+".Sh SEE ALSO\n.Xr cni 1\n")
}

// inPages are phrases of the header's pages about the header, each with what replaces it here.
var inPages = map[string]string{
	"comment of each function lists the keys":      "page of each function lists the keys",
	"the comment\n *   of each function lists the": "the page\n *   of each function lists the",

	"In the tables of responses a question mark follows the type of a key that may be absent.": "" +
		"In responses a key that may be absent is marked as optional.",
}

// functionList names the functions, and what each does.
func functionList(description *model.API) string {
	text := ".Sh FUNCTIONS\n"
	for _, section := range description.Sections {
		text += ".Ss " + roff(section.Title) + "\n" + roffParagraphs(section.Text)
		text += ".Bl -tag -width Ds\n"
		for _, f := range section.Functions {
			text += ".It Xr " + f.Name + " 3\n" + roffLines(f.Summary)
		}
		for _, c := range section.Callbacks {
			text += ".It Xr " + c.Name + " 3\n" + roffLines(c.Summary)
		}
		text += ".El\n"
	}
	return text
}

// allKinds describes kinds and marks those that every function may return.
func allKinds(kinds []*model.Kind) string {
	text := ".Bl -tag -width Ds\n"
	for _, kind := range kinds {
		mark := ""
		if kind.Any {
			mark = " *"
		}
		text += kindEntry(kind, mark)
	}
	return text + ".El\n"
}

// kindEntry describes a kind, with a mark after its name.
func kindEntry(kind *model.Kind, mark string) string {
	return ".It " + roff(kind.Name) + mark + " Pq " + roff(kind.Returns) + "\n" +
		roffLines(asSentence(kind.Description))
}

var pageTitle = regexp.MustCompile(`^ \* [A-Z][A-Z ]+$`)

// pageBody writes the pages of a comment: a title in capitals begins a section, an empty line a
// paragraph, and deeper lines are preformatted. Lines that parts knows are replaced.
func pageBody(comment string, parts map[string]string) string {
	var b strings.Builder
	var paragraph, literal []string
	flush := func() {
		if paragraph != nil {
			b.WriteString(".Pp\n" + roffLines(strings.Join(paragraph, " ")))
		}
		if literal != nil {
			b.WriteString(".Bd -literal -offset indent\n" + roff(dedent(literal)) + "\n.Ed\n")
		}
		paragraph, literal = nil, nil
	}
	section := ""
	for _, line := range strings.Split(comment, "\n") {
		text := strings.TrimPrefix(strings.TrimPrefix(line, " *"), " ")
		part, isPart := parts[strings.TrimSpace(text)]
		switch {
		case pageTitle.MatchString(line):
			flush()
			section = text
			b.WriteString(".Sh " + text + "\n")
		case section == "": // the summary and the example of the header
		case isPart:
			flush()
			b.WriteString(part)
		case text == "":
			flush()
		case strings.HasPrefix(text, "   "):
			if paragraph != nil {
				flush()
			}
			literal = append(literal, text)
		default:
			if literal != nil {
				flush()
			}
			paragraph = append(paragraph, strings.TrimSpace(text))
		}
	}
	flush()
	return strings.ReplaceAll(b.String(), ".Sh ERRORS\n.Pp\n", ".Sh ERRORS\n")
}

// dedent removes the blanks that all lines begin with.
func dedent(lines []string) string {
	least := len(lines[0])
	for _, line := range lines {
		least = min(least, len(line)-len(strings.TrimLeft(line, " ")))
	}
	text := ""
	for _, line := range lines {
		text += line[least:] + "\n"
	}
	return strings.TrimSuffix(text, "\n")
}
