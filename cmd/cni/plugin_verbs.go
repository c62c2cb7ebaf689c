package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

// pluginInfo is what the API says about one plugin.
type pluginInfo struct {
	Type              string   `json:"type"`
	Builtin           bool     `json:"builtin"`
	Path              string   `json:"path"`
	SupportedVersions []string `json:"supportedVersions"`
}

func (a *app) pluginCommand() *cobra.Command {
	var f tableFlags
	cmd := &cobra.Command{
		Use:     "plugin [TYPE]",
		Aliases: []string{"plugins"},
		Short:   "List the plugins that can be used, or show one",
		Args:    cobra.MaximumNArgs(1),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		plugins, response, err := a.plugins(ctx, r, args)
		if err != nil {
			return err
		}
		return a.print(response, func() error { return f.print(a, pluginRows(plugins)) })
	})
	f.register(cmd, table{columns: pluginColumns, id: "PLUGIN"})
	completeArgs(cmd, a.pluginTypes)
	return cmd
}

func (a *app) plugins(ctx context.Context, r request, args []string) ([]pluginInfo, []byte, error) {
	if len(args) == 1 {
		var one pluginInfo
		r["type"] = args[0]
		response, err := a.ask(ctx, "plugin.info", r, &one)
		return []pluginInfo{one}, response, err
	}

	var answer struct {
		Plugins []pluginInfo `json:"plugins"`
		Errors  []fileError  `json:"errors"`
	}

	response, err := a.ask(ctx, "plugins", r, &answer)
	if !a.json {
		a.printBadFiles(answer.Errors)
	}
	return answer.Plugins, response, err
}

// pluginColumns are the columns of pluginRows. Nothing writes to it.
var pluginColumns = []string{"PLUGIN", "WHERE", "VERSIONS"}

func pluginRows(plugins []pluginInfo) [][]string {
	rows := [][]string{}
	for _, p := range plugins {
		where := p.Path
		if p.Builtin {
			where = "built in"
		}
		rows = append(rows, []string{p.Type, where, strings.Join(p.SupportedVersions, " ")})
	}
	return rows
}
