package main

import (
	"context"
	"sort"

	"github.com/spf13/cobra"
)

// candidates returns the completions of an argument for a shell, or nothing if they are unknown.
type candidates func(ctx context.Context) []string

func complete(cmd *cobra.Command, flag string, values ...string) {
	completeWith(cmd, flag, func(context.Context) []string { return values })
}

func completeWith(cmd *cobra.Command, flag string, values candidates) {
	must(cmd.RegisterFlagCompletionFunc(flag,
		func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return values(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
		}))
}

func completeDirectory(cmd *cobra.Command, flag string) {
	must(cmd.RegisterFlagCompletionFunc(flag,
		func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}))
}

// must panics on an unknown flag; their names are constants of this program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// completeArgs completes the first argument; those after it are paths.
func completeArgs(cmd *cobra.Command, values candidates) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string,
		_ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return values(cmd.Context()), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) networkNames(ctx context.Context) []string {
	r, err := a.request()
	if err != nil {
		return nil
	}

	var answer networksAnswer
	if _, err := a.ask(ctx, "networks", r, &answer); err != nil {
		return nil
	}

	var names []string
	for _, n := range answer.Networks {
		names = append(names, n.Name)
	}
	return names
}

func (a *app) containerIDs(ctx context.Context) []string {
	return a.ofAttachments(ctx, func(at attachment) string { return at.ContainerID })
}

func (a *app) attachmentIDs(ctx context.Context) []string {
	return a.ofAttachments(ctx, func(at attachment) string { return at.ContainerID + "/" + at.IfName })
}

// ofAttachments returns the names of the attachments without duplicates.
func (a *app) ofAttachments(ctx context.Context, name func(attachment) string) []string {
	answer, _, err := a.attachments(ctx, "", "")
	if err != nil {
		return nil
	}

	seen := map[string]bool{}
	for _, at := range answer.Attachments {
		seen[name(at)] = true
	}

	var names []string
	for n := range seen {
		names = append(names, n)
	}

	sort.Strings(names)
	return names
}

func (a *app) pluginTypes(ctx context.Context) []string {
	return a.typesOf(ctx, func(pluginInfo) bool { return true })
}

func (a *app) builtinTypes(ctx context.Context) []string {
	return a.typesOf(ctx, func(p pluginInfo) bool { return p.Builtin })
}

// typesOf returns the types of the plugins that are wanted.
func (a *app) typesOf(ctx context.Context, wanted func(pluginInfo) bool) []string {
	r, err := a.request()
	if err != nil {
		return nil
	}

	plugins, _, err := a.plugins(ctx, r, nil)
	if err != nil {
		return nil
	}

	var types []string
	for _, p := range plugins {
		if wanted(p) {
			types = append(types, p.Type)
		}
	}
	return types
}
