package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) netnsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "netns",
		Short: "Create and delete named network namespaces",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("netns: give a verb: create or delete")
		},
	}

	cmd.AddCommand(&cobra.Command{
		Use:   "create NAME|PATH",
		Short: "Make a namespace bound to a file, set lo up, and print its path",
		Long: `Makes a network namespace bound to the file PATH, or to NAME in /run/netns, where ip netns
looks. A PATH contains a slash, a NAME does not.`,
		Args: cobra.ExactArgs(1),
		RunE: a.verb(func(ctx context.Context, args []string) error {
			return a.createNetns(ctx, args[0])
		}),
	}, &cobra.Command{
		Use:     "delete NAME|PATH",
		Aliases: []string{"del"},
		Short:   "Remove the file of a namespace; the namespace ends with its last process",
		Args:    cobra.ExactArgs(1),
		RunE: a.verb(func(ctx context.Context, args []string) error {
			r, err := a.netnsRequest(args[0])
			if err != nil {
				return err
			}

			return a.quietly(a.call(ctx, "netns.delete", r))
		}),
	})
	return cmd
}

func (a *app) netnsRequest(nameOrPath string) (request, error) {
	r, err := a.request()
	if err != nil {
		return nil, err
	}
	if strings.Contains(nameOrPath, "/") {
		return r, setPath(r, "path", nameOrPath)
	}
	r["name"] = nameOrPath
	return r, nil
}

func (a *app) createNetns(ctx context.Context, nameOrPath string) error {
	r, err := a.netnsRequest(nameOrPath)
	if err != nil {
		return err
	}

	var answer struct {
		Path string `json:"path"`
	}

	response, err := a.ask(ctx, "netns.create", r, &answer)
	switch {
	case err != nil:
		return err
	case a.json:
		return a.printJSON(response)
	default:
		return a.printf("%s\n", answer.Path)
	}
}
