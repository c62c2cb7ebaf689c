package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// networkFlag lets a verb read the network from a file.
type networkFlag struct{ file string }

func (f *networkFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "network-file", "f", "",
		"`file` with the network configuration, instead of NETWORK")
}

func (f *networkFlag) fill(r request, args []string) error {
	switch {
	case f.file != "" && len(args) > 0:
		return usage("NETWORK and --network-file exclude each other")
	case f.file != "":
		return setPath(r, "networkFile", f.file)
	case len(args) == 0:
		return usage("a network is required: give NETWORK or --network-file")
	}
	r["network"] = args[0]
	return nil
}

func (a *app) statusCommand() *cobra.Command {
	var f networkFlag
	cmd := &cobra.Command{
		Use:   "status NETWORK [NETNS]",
		Short: "Ask whether a network can take containers",
		Long: `Asks the plugins of a network whether an add could succeed now. Like cnitool, it prints
nothing if it could. Otherwise the exit status is 4 (CNI codes 50 and 51). NETNS is accepted for
compatibility with cnitool and ignored.`,
		Args: cobra.MaximumNArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		if err := f.fill(r, args[:min(len(args), 1)]); err != nil {
			return err
		}

		return a.quietly(a.call(ctx, "status", r))
	})
	f.register(cmd)
	completeArgs(cmd, a.networkNames)
	return cmd
}

func (a *app) networksCommand() *cobra.Command {
	var f tableFlags
	cmd := &cobra.Command{
		Use:   "networks",
		Short: "List the configured networks",
		Args:  cobra.NoArgs,
		RunE: a.verb(func(ctx context.Context, _ []string) error {
			r, err := a.request()
			if err != nil {
				return err
			}

			var answer networksAnswer
			return a.show(ctx, "networks", r, &answer, func() error {
				a.printBadFiles(answer.Errors)
				rows := [][]string{}
				for _, n := range answer.Networks {
					rows = append(rows, []string{n.Name, n.CNIVersion, strings.Join(n.Plugins, ","), n.File})
				}
				return f.print(a, rows)
			})
		}),
	}
	f.register(cmd, table{columns: []string{"NETWORK", "VERSION", "PLUGINS", "FILE"}, id: "NETWORK"})
	return cmd
}

type networksAnswer struct {
	Networks []struct {
		Name       string   `json:"name"`
		CNIVersion string   `json:"cniVersion"`
		File       string   `json:"file"`
		Plugins    []string `json:"plugins"`
	} `json:"networks"`
	Errors []fileError `json:"errors"`
}

// fileError is a file that was ignored, and why.
type fileError struct {
	File string `json:"file"`
	Msg  string `json:"msg"`
}

func (a *app) printBadFiles(files []fileError) {
	for _, bad := range files {
		fmt.Fprintf(a.err, "cni: %s: %s\n", oneLine(bad.File), oneLine(bad.Msg))
	}
}

func (a *app) validateCommand() *cobra.Command {
	var f networkFlag
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate NETWORK",
		Short: "Check a network's configuration and find its plugins",
		Long: `Checks a network's configuration, finds its plugins, and lets the built-in ones read their
configuration as for an add. A key that no built-in plugin reads is a warning, or with --strict an
error.`,
		Example: `  cni validate web
  cni validate --strict -f web.conflist`,
		Args: cobra.MaximumNArgs(1),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		if err := f.fill(r, args); err != nil {
			return err
		}

		if strict {
			r["strict"] = true
		}

		var answer validation
		return a.show(ctx, "validate", r, &answer, func() error { return a.printValidation(&answer) })
	})
	f.register(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "fail if there are warnings")
	completeArgs(cmd, a.networkNames)
	return cmd
}

// validation is the answer of the method validate.
type validation struct {
	Capabilities []string     `json:"capabilities"`
	Plugins      []pluginInfo `json:"plugins"`
	Warnings     []struct {
		Msg string `json:"msg"`
	} `json:"warnings"`
}

func (a *app) printValidation(v *validation) error {
	for _, w := range v.Warnings {
		fmt.Fprintf(a.err, "cni: warning: %s\n", cell(w.Msg))
	}
	if err := a.printTable(pluginColumns, pluginRows(v.Plugins)); err != nil {
		return err
	}
	return a.printf("capabilities: %s\n", cell(strings.Join(v.Capabilities, ", ")))
}
