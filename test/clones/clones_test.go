package clones

import (
	"slices"
	"testing"
)

const first = `package a

import "fmt"

// Greet says hello.
func Greet(names []string) error {
	for _, name := range names {
		if name == "" {
			return fmt.Errorf("name %d is empty", 1)
		}
		fmt.Println("hello", name)
	}
	return nil
}

func own() { println(1) }
`

// renamed differs from first in layout, comments, literals and names.
const renamed = `package b

import (
	"fmt"
)

func own(x int) int { return x }

func Greet(names []string) error {

	for _, name := range names {
		if name == "x" { // empty
			return fmt.Errorf("another text %d", 22)
		}
		fmt.Println("bye",   name)
	}
	return nil
}
`

// otherNames has the shape of first.
const otherNames = `package c

func f(s []string) error {
	for _, x := range s {
		if x == "" {
			return p.Q("x", 3)
		}
		p.R("y", x)
	}
	return z
}
`

func TestRepeatedBlocks(t *testing.T) {
	tree := map[string][]Line{"a.go": Go([]byte(first), Letter), "b.go": Go([]byte(renamed), Letter)}
	want := []Block{{"a.go", 6, 13, 6}, {"b.go", 9, 17, 6}}
	if got := Repeated(tree); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Shared(tree, map[string][]Line{"a.go": tree["a.go"][:5]}); len(got) != 0 {
		t.Errorf("five lines in common are %+v, want none", got)
	}
}

func TestNamesDifferInShapeOnly(t *testing.T) {
	for mode, want := range map[Mode]int{Letter: 0, Shape: 1} {
		got := Shared(map[string][]Line{"c.go": Go([]byte(otherNames), mode)},
			map[string][]Line{"a.go": Go([]byte(first), mode)})
		if len(got) != want {
			t.Errorf("mode %d: got %+v, want %d", mode, got, want)
		}
	}
}

func TestTextLeavesCommentsOut(t *testing.T) {
	got := Text([]byte("/* a\n b */\nint  x;\n}\n# c\nimport os\ny = 1\n"))
	want := []Line{{3, "int x;"}, {7, "y = 1"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
