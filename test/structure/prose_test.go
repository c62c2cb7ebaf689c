package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// turn is a word or phrase that plain technical English does without.
type turn struct {
	name    string
	pattern *regexp.Regexp
	except  *regexp.Regexp // honest English that the pattern hits too
}

// turns are searched in comments, documents, messages and code, across line breaks.
var turns = []turn{
	{name: "of which: two sentences", pattern: words(`(?:\w+ )?of which`),
		except: words(`(?:all|any|both|each|many|most|none|one|some|two) of which`)},
	{name: "whosever: name the owner", pattern: words(`whosever|whoever's`)},
	{name: "is none: is not a …", pattern: regexp.MustCompile(`\b(?:\w+ )?(?:is|are|was|were) none\b`),
		except: words(`there (?:is|are|was|were) none`)},
	{name: "is no X: is not an X", pattern: words(`(?:\w+ )?(?:is|are|was|were) no \w+`),
		except: words(`there (?:is|are|was|were) no|no (?:longer|more|less|fewer|such|\w+er)`)},
	{name: "told: given, reported", pattern: words(`told`)},
	{name: "tells: reports, shows, says",
		pattern: words(`nothing tells|tells (?:whether|that|of|which)`)},
	{name: "as against: instead of", pattern: words(`as against`)},
	{name: "the way to the Internet: the default route",
		pattern: words(`the way to the internet|the way out`)},
	{name: "nobody's, somebody's: name the owner",
		pattern: words(`(?:no|some|every)body's|a stranger's`)},
	{name: "passed over: ignored, skipped", pattern: words(`pass(?:ed|es|ing)? over`)},
	{name: "is let: may, is allowed to", pattern: words(`(?:is|are|be|was|were) let`)},
	{name: "as it should: name the state", pattern: words(`as (?:it|they) should(?: be)?`)},
	{name: "an inverted condition: If …, …",
		pattern: regexp.MustCompile(`(?:[.;:] |\n)(?:Is|Are|Was|Were|Does|Did|Has|Have|Had|Should) ` +
			`\w+ [^.?!;:"]{1,120}, [^.?!"]{1,200}\.`),
		except: words(`(?:Is|Are|Has|Have|Does|Did) (?:reports?|returns?|says|tells|not)`)},
}

// messages are turns of texts that a user reads, searched in string literals of Go alone.
var messages = []turn{
	{name: "a message that asks: state what is required",
		pattern: regexp.MustCompile(`(?:^|[:;] )(?i:which|what|who|where) [^"]*\?`)},
}

func words(alternatives string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:` + alternatives + `)\b`)
}

func TestProseIsPlain(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if policesProse(f.path) {
			continue
		}
		for _, stray := range strays(f) {
			t.Error(stray)
		}
	}
}

// policesProse reports whether a file names the words in order to forbid them.
func policesProse(path string) bool { return path == "test/structure/prose_test.go" }

// strays returns the place and the text of each turn in a file.
func strays(f sourceFile) (found []string) {
	text, lines := flow(f)
	for _, turn := range turns {
		for _, at := range turn.pattern.FindAllStringIndex(text, -1) {
			match := text[at[0]:at[1]]
			if turn.except == nil || !turn.except.MatchString(match) {
				found = append(found, place(f.path, lines, at[0], match, turn))
			}
		}
	}
	if f.kind() == "go" {
		found = append(found, strayMessages(f)...)
	}
	return found
}

func place(path string, lines []int, offset int, match string, turn turn) string {
	line, _ := slices.BinarySearch(lines, offset+1)
	short := strings.TrimSpace(strings.ReplaceAll(match, "\n", " "))
	return fmt.Sprintf("%s:%d: %.60s (%s)", path, max(line, 1), short, turn.name)
}

// flow returns the text of a file with the marks of comments removed and the lines of a paragraph
// joined, and the offsets at which its lines begin.
func flow(f sourceFile) (text string, lines []int) {
	var b strings.Builder
	for line := range strings.Lines(f.text) {
		lines = append(lines, b.Len())
		trimmed := strings.Trim(line, " \t\n")
		bare := strings.TrimLeft(trimmed, "/*# \t>-")
		switch {
		case bare == "":
			b.WriteString("\n")
		case bare == trimmed && f.kind() != "md":
			b.WriteString(bare + "\n") // code ends a sentence
		default:
			b.WriteString(bare + " ")
		}
	}
	return b.String(), lines
}

func strayMessages(f sourceFile) (found []string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, f.path, f.text, 0)
	if err != nil {
		return []string{err.Error()}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		for _, turn := range messages {
			if m := turn.pattern.FindString(strings.Trim(literal.Value, "\"`")); m != "" {
				line := files.Position(literal.Pos()).Line
				found = append(found, fmt.Sprintf("%s:%d: %.60s (%s)", f.path, line, m, turn.name))
			}
		}
		return true
	})
	return found
}

// forbidden are names that nobody looks for, with the term of the field.
var forbidden = map[string]string{
	"WayTo": "RouteGet", "Way": "Route", "Absent": "NameIsFree", "AskRoute": "PrefetchSocket",
	"TakeRoute": "TakeSocket", "Crew": "Pool", "crew": "pool", "Gate": "Latch", "Begun": "Pending",
	"Forerunner": "AsyncDeleter", "Bystander": "InterfaceIndependent", "runWithout": "runForNetwork",
	"makeRoom": "resolveExisting", "reached": "lastStarted", "spares": "keep",
	"alone": "withFirewallLock", "lone": "withFirewallLock", "choose": "selectBackend",
	"reach": "connectForRemoval", "judge": "interpret", "passOn": "pluginError",
	"lastWords": "stderrTail", "passedOver": "ignoredCandidates", "Misfit": "TypeError",
	"Expect": "Prefetch", "AtLeast": "CountAtLeast", "Sweep": "DeleteWhere", "few": "the bound",
	"many": "the bound",
}

func TestNamesAreTheFields(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if f.kind() != "go" || policesProse(f.path) {
			continue
		}
		for _, stray := range strayNamesOf(t, f) {
			t.Error(stray)
		}
	}
}

// strayNamesOf returns the declarations of types, functions, methods, fields and package-level
// values whose name is forbidden.
func strayNamesOf(t *testing.T, f sourceFile) (found []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, f.path, f.text, 0)
	if err != nil {
		t.Fatal(err)
	}
	note := func(names ...*ast.Ident) {
		for _, name := range names {
			if better := forbidden[name.Name]; better != "" {
				place := files.Position(name.Pos())
				found = append(found, fmt.Sprintf("%s:%d: %s (%s)", f.path, place.Line, name.Name, better))
			}
		}
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			note(d.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					note(s.Name)
				case *ast.ValueSpec:
					note(s.Names...)
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				note(field.Names...)
			}
		}
		return true
	})
	return found
}

func TestTurnsSpareHonestEnglish(t *testing.T) {
	for _, c := range []struct {
		path, text string
		want       int
	}{
		{"a.md", "A file is kept until it is no longer needed.", 0},
		{"a.md", "There is no bridge.", 0},
		{"a.md", "It returns nil if there is none.", 0},
		{"a.md", "For a bridge of ours that is none.", 1},
		{"a.md", "A name is no path.", 1},
		{"a.md", "It has two ends, one of which is up.", 0},
		{"a.md", "A link of which nothing is known.", 1},
		{"a.go", "// A link of\n// which nothing is known.", 1},
		{"a.go", "// It works. Is the link down, nothing is sent.", 1},
		{"a.go", "// If the link is down, nothing is sent.", 0},
		{"a.go", "// Is reports whether a, b and c agree.", 0},
		{"a.md", "Is the bridge up, and does it have an address?", 0},
		{"a.md", "The plugin is told its name.", 1},
	} {
		t.Run(c.text, func(t *testing.T) {
			f := sourceFile{path: c.path, text: c.text}
			if c.path == "a.go" {
				f.text = "package a\n\n" + c.text + "\n"
			}
			if got := strays(f); len(got) != c.want {
				t.Errorf("got %q, want %d", got, c.want)
			}
		})
	}
}
