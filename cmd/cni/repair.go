package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) repairCommand() *cobra.Command {
	var f attachmentFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "repair NETWORK NETNS | repair --id ID [NETWORK [NETNS]] | repair --all",
		Short: "Restore what is missing on the host's side of an attachment",
		Long: `Restores what check finds missing on the host's side, such as rules that a firewall's
reload removed, and prints each object. The containers' interfaces are not touched.`,
		Example: `  cni repair --all
  cni repair web /run/netns/blue`,
		Args: cobra.MaximumNArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		switch {
		case !all:
			err = f.fill(a, r, args)
		case len(args) > 0 || f.id != "" || f.networkFile != "":
			err = usage("--all excludes NETWORK, NETNS, --id and --network-file")
		default:
			r["all"] = true
		}

		if err != nil {
			return err
		}

		return a.repair(ctx, r)
	})
	f.register(a, cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every attachment of the owner")
	completeArgs(cmd, a.networkNames)
	return cmd
}

func (a *app) repair(ctx context.Context, r request) error {
	var answer struct {
		Repaired []struct{ Network, ContainerID, IfName, Plugin, Object string } `json:"repaired"`
	}

	response, err := a.ask(ctx, "repair", r, &answer)
	if err != nil {
		return err
	}

	if a.json {
		return a.printJSON(response)
	}

	for _, o := range answer.Repaired {
		fmt.Fprintf(a.out, "%s\t%s\t%s\t%s: %s\n", o.Network, o.ContainerID, o.IfName, o.Plugin, o.Object)
	}
	return nil
}
