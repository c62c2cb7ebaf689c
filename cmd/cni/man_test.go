package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestManPageHasEveryVerbAndFlag(t *testing.T) {
	page, err := os.ReadFile("../../docs/man/cni.1")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, line := range strings.Split(string(page), "\n") {
		lines[line] = true
	}
	a := &app{env: func(string) string { return "" }}
	root := a.root()
	root.InitDefaultHelpCmd()
	root.InitDefaultHelpFlag()
	walk(root, func(cmd *cobra.Command) {
		path := strings.TrimPrefix(cmd.CommandPath(), "cni ")
		if cmd != root && !cmd.HasSubCommands() && !lines[".It Cm "+path] {
			t.Errorf("verb %s has no entry", path)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !flagHasEntry(lines, f) {
				t.Errorf("flag --%s of %s has no entry", f.Name, path)
			}
		})
		for _, alias := range cmd.Aliases {
			if parent := cmd.Parent(); parent == root && !lines[".Cm "+alias+" ."] &&
				!lines[".Cm "+alias+" ,"] {
				t.Errorf("alias %s is not in the page", alias)
			}
		}
	})
	for _, verb := range []string{"completion", "help"} { // cobra adds them when it runs
		if !lines[".It Cm "+verb] {
			t.Errorf("verb %s has no entry", verb)
		}
	}
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

// flagHasEntry looks for ".It Fl -name" or, for a flag with a letter, ".It Fl x , Fl -name".
func flagHasEntry(lines map[string]bool, f *pflag.Flag) bool {
	entry := ".It Fl -" + f.Name
	if f.Shorthand != "" {
		entry = ".It Fl " + f.Shorthand + " , Fl -" + f.Name
	}
	for line := range lines {
		if line == entry || strings.HasPrefix(line, entry+" ") {
			return true
		}
	}
	return false
}
