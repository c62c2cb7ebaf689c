package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// volumesAnswer is the answer of volume.list and volume.plugins.
type volumesAnswer struct {
	Volumes []struct {
		Plugin     string `json:"plugin"`
		Name       string `json:"name"`
		Mountpoint string `json:"mountpoint"`
	} `json:"volumes"`
	Plugins []struct {
		Name    string `json:"name"`
		Address string `json:"address"`
		File    string `json:"file"`
	} `json:"plugins"`
	Errors []struct {
		Msg string `json:"msg"`
	} `json:"errors"`
}

func (a *app) volumeList(f *volumeFlags) *cobra.Command {
	var t tableFlags
	cmd := &cobra.Command{
		Use:     "list [PLUGIN]",
		Aliases: []string{"ls"},
		Short:   "List the volumes of a plugin, or of all that can be found",
		Long: `Lists the volumes of a plugin, or of all plugins that can be found. Plugins that do not
answer are named on standard error, and the exit status is 1: their volumes may still exist.`,
		Args: cobra.MaximumNArgs(1),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		return a.printVolumes(ctx, f, "volume.list", &t,
			func(answer *volumesAnswer) [][]string {
				rows := [][]string{}
				for _, v := range answer.Volumes {
					rows = append(rows, []string{v.Plugin, v.Name, v.Mountpoint})
				}

				return rows
			}, append([]string{"plugin"}, args...)...)
	})
	t.register(cmd, table{columns: []string{"PLUGIN", "VOLUME", "MOUNTPOINT"}, id: "VOLUME"})
	return cmd
}

func (a *app) volumePlugins(f *volumeFlags) *cobra.Command {
	var t tableFlags
	cmd := &cobra.Command{
		Use:   "plugins",
		Short: "List the volume plugins that can be found; with --reload, that answer",
		Args:  cobra.NoArgs,
	}

	cmd.RunE = a.verb(func(ctx context.Context, _ []string) error {
		return a.printVolumes(ctx, f, "volume.plugins", &t,
			func(answer *volumesAnswer) [][]string {
				rows := [][]string{}
				for _, p := range answer.Plugins {
					rows = append(rows, []string{p.Name, p.Address, p.File})
				}

				return rows
			})
	})
	t.register(cmd, table{columns: []string{"PLUGIN", "ADDRESS", "FILE"}, id: "PLUGIN"})
	return cmd
}

// printVolumes prints a list, and on standard error the plugins that could not be included.
func (a *app) printVolumes(ctx context.Context, f *volumeFlags, method string, t *tableFlags,
	rows func(*volumesAnswer) [][]string, pairs ...string) error {
	r, err := f.request(a, pairs...)
	if err != nil {
		return err
	}

	var answer volumesAnswer
	err = a.show(ctx, method, r, &answer, func() error {
		for _, bad := range answer.Errors {
			fmt.Fprintf(a.err, "cni: %s\n", oneLine(bad.Msg))
		}
		return t.print(a, rows(&answer))
	})
	if err == nil && len(answer.Errors) > 0 {
		return errAnswered
	}

	return err
}

func (a *app) volumeCapabilities(f *volumeFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "capabilities PLUGIN",
		Short: "Print the scope of the plugin's volumes, local or global", Args: cobra.ExactArgs(1)}
	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := f.request(a, "plugin", args[0])
		if err != nil {
			return err
		}

		var answer struct {
			Scope string `json:"scope"`
		}

		return a.show(ctx, "volume.capabilities", r, &answer, func() error {
			return a.printf("%s\n", answer.Scope)
		})
	})
	return cmd
}

// completeVolume completes [PLUGIN] [VOLUME].
func completeVolume(a *app, f *volumeFlags, cmd *cobra.Command) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string,
		_ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		var answer volumesAnswer
		switch r, err := f.request(a); {
		case err != nil || cmd.Name() == "plugins":
		case len(args) == 0:
			if _, err := a.ask(cmd.Context(), "volume.plugins", r, &answer); err == nil {
				for _, p := range answer.Plugins {
					names = append(names, p.Name)
				}
			}
		case len(args) == 1 && cmd.Name() != "create" && cmd.Name() != "list" &&
			cmd.Name() != "capabilities":
			r["plugin"] = args[0]
			if _, err := a.ask(cmd.Context(), "volume.list", r, &answer); err == nil {
				for _, v := range answer.Volumes {
					names = append(names, v.Name)
				}
			}
		}

		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
