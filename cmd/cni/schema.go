package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (a *app) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema [TYPE]",
		Short: "Print the JSON Schema of network configurations",
		Long: `Prints the JSON Schema of a configuration list, of the configuration of the built-in plugin TYPE
(of an IPAM plugin that of the key ipam), or with the TYPE capabilities that of capability arguments.
An editor completes a .conflist that names the file with the schema in its key $schema.`,
		Example: `  cni schema >/etc/cni/conflist.schema.json`,
		Args:    cobra.MaximumNArgs(1),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			r["type"] = args[0]
		}
		return a.printKey(ctx, "schema", r, "schema")
	})
	completeArgs(cmd, func(ctx context.Context) []string {
		return append(a.builtinTypes(ctx), "capabilities")
	})
	return cmd
}
