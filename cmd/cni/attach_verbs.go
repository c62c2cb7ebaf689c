package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) addCommand() *cobra.Command {
	var f attachmentFlags
	var add addFlags
	cmd := &cobra.Command{
		Use:   "add NETWORK NETNS",
		Short: "Attach a container to a network and print the result",
		Long: `Attaches the network namespace at the path NETNS to a network and prints the CNI result. A
failed add is undone. So is one that SIGINT or SIGTERM interrupts; a second signal kills the
command. Ports and capability arguments that no plugin of the network takes are refused. If the
result cannot be written to standard output, the status is 1 and the container stays attached, as
standard error then says.`,
		Example: `  cni netns create blue
  cni add web /run/netns/blue
  cni add web /run/netns/blue --id c1 -i eth1 -p 8080:80 --args IgnoreUnknown=1 --args IP=10.1.2.3`,
		Args: cobra.MaximumNArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		if err := f.fill(a, r, args); err != nil {
			return err
		}

		if r["netns"] == nil || r["network"] == nil && r["networkFile"] == nil {
			return usage("an attachment is required: give NETWORK and NETNS")
		}
		if err := add.fill(r); err != nil {
			return err
		}
		if r["capabilityArgs"] != nil && !a.likeCnitool {
			option(r)["unusedCapabilities"] = "fail"
		}

		result, err := a.call(ctx, "add", r)
		if err != nil {
			return err
		}

		return unwritten(a.printJSON(result), "the container is attached and stays so: list it with cni "+
			"list, detach it with cni del --id %s", r["containerId"])
	})
	f.register(a, cmd)
	add.register(cmd)
	completeArgs(cmd, a.networkNames)
	return cmd
}

// addFlags say what to do about a failed add and an existing attachment.
type addFlags struct {
	noRollback                  bool
	rollbackTimeout, onExisting string
}

func (f *addFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.noRollback, "no-rollback", false,
		"keep what a failed add has made, for inspection")
	flags.StringVar(&f.rollbackTimeout, "rollback-timeout", "",
		"maximum `duration` of the undo (default 10s)")
	flags.StringVar(&f.onExisting, "on-existing", "",
		"`action` if the attachment exists: fail or replace (default fail)")
	complete(cmd, "on-existing", "fail", "replace")
}

func (f *addFlags) fill(r request) error {
	if f.noRollback {
		option(r)["rollback"] = false
	}

	if f.onExisting != "" {
		option(r)["onExisting"] = f.onExisting
	}
	if f.rollbackTimeout == "" {
		return nil
	}
	return setDuration(option(r), "rollbackTimeoutMs", "--rollback-timeout", f.rollbackTimeout)
}

// option returns the options of a request, to be changed.
func option(r request) map[string]any {
	options, ok := r["options"].(map[string]any)
	if !ok {
		options = map[string]any{}
		r["options"] = options
	}
	return options
}

func (a *app) delCommand() *cobra.Command {
	var f attachmentFlags
	var force, strict bool
	cmd := &cobra.Command{
		Use:     "del NETWORK NETNS | del --id ID [NETWORK [NETNS]]",
		Aliases: []string{"delete"},
		Short:   "Detach a container; with --id alone, from all its networks",
		Long: `Detaches a container from a network, by its namespace as cnitool does, or by its container
id. It succeeds when nothing is attached, when the namespace is gone and when the network's
configuration is gone. Like cnitool, it prints nothing. An ID may be shortened if it is one of those
long ones that programs make. Any other is taken whole, so that del of web-1 leaves web-10 alone: if
nothing of that ID is attached, standard error lists the ids that begin with it, and the status is
0, or with --strict 1.`,
		Example: `  cni del web /run/netns/blue
  cni del --id c1
  cni del --id c1 -i eth1 web`,
		Args: cobra.MaximumNArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		if err := f.fillExisting(ctx, a, r, args, removes); err != nil {
			return err
		}

		if force {
			r["force"] = true
		}

		return a.del(ctx, r, strict)
	})
	f.register(a, cmd)
	cmd.Flags().BoolVar(&force, "force", false, "continue after a plugin fails")
	cmd.Flags().BoolVar(&strict, "strict", false, "fail if nothing was removed")
	completeArgs(cmd, a.networkNames)
	return cmd
}

func (a *app) del(ctx context.Context, r request, strict bool) error {
	var answer struct {
		Found   bool         `json:"found"`
		Removed []attachment `json:"removed"`
		Left    []attachment `json:"left"`
	}

	response, err := a.ask(ctx, "del", r, &answer)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(response)
	}
	for _, at := range answer.Left {
		fmt.Fprintf(a.err, "cni: left %s of container %s on network %s: it is in another namespace, of "+
			"another owner, or in another cache directory\n", oneLine(at.IfName), oneLine(at.ContainerID),
			oneLine(at.Network))
	}
	if strict && err == nil && answer.Found && len(answer.Removed) == 0 {
		return errAnswered
	}
	if answer.Found || err != nil {
		return err
	}

	id := fmt.Sprint(r["containerId"])
	advice := ""
	if similar := a.idsWithPrefix(ctx, id); len(similar) > 0 && id != similar[0] {
		advice = "; attached is " + strings.Join(similar, ", ")
	}
	fmt.Fprintf(a.err, "cni: container %s was not attached%s\n", oneLine(id), oneLine(advice))
	if strict {
		return errAnswered
	}
	return nil
}

func (a *app) checkCommand() *cobra.Command {
	var f attachmentFlags
	cmd := &cobra.Command{
		Use:   "check NETWORK NETNS | check --id ID [NETWORK [NETNS]]",
		Short: "Check that an attachment has not changed",
		Long: `Compares an attachment with what the kernel holds and reports all differences.
Like cnitool, it prints nothing if nothing differs. Otherwise the exit status is 3.`,
		Example: `  cni check web /run/netns/blue
  cni check --id c1`,
		Args: cobra.MaximumNArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		r, err := a.request()
		if err != nil {
			return err
		}

		if err := f.fillExisting(ctx, a, r, args, reads); err != nil {
			return err
		}

		return a.quietly(a.call(ctx, "check", r))
	})
	f.register(a, cmd)
	completeArgs(cmd, a.networkNames)
	return cmd
}

// quietly ends a verb that prints nothing on success.
func (a *app) quietly(response []byte, err error) error {
	if err != nil || !a.json {
		return err
	}
	return a.printJSON(response)
}
