package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/libcni/libcni/core"
)

func (a *app) repairCommand() *cobra.Command {
	var f attachmentFlags
	var all, watch bool
	cmd := &cobra.Command{
		Use:   "repair NETWORK NETNS | repair --id ID [NETWORK [NETNS]] | repair --all",
		Short: "Restore what is missing on the host's side of an attachment",
		Long: `Restores what check finds missing on the host's side, such as rules that a firewall's
reload removed, and prints each object. The containers' interfaces are not touched. Then it checks
the attachments, prints what still differs, and exits with status 3 if anything does.

With --watch-firewalld it repairs all attachments at once and after each start and reload of
firewalld, which it learns from the system's bus, until SIGINT or SIGTERM ends it.`,
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
		case watch && !all:
			err = usage("--watch-firewalld needs --all")
		case !all:
			err = f.fillExisting(ctx, a, r, args, reads)
		case len(args) > 0 || f.id != "" || f.networkFile != "":
			err = usage("--all excludes NETWORK, NETNS, --id and --network-file")
		default:
			r["all"] = true
		}

		if err != nil {
			return err
		}

		if watch {
			return a.repairAlways(ctx, r)
		}
		return a.repair(ctx, r)
	})
	f.register(a, cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every attachment of the owner")
	cmd.Flags().BoolVar(&watch, "watch-firewalld", false,
		"with --all: repair at once and after each start and reload of firewalld, until a signal ends it")
	completeArgs(cmd, a.networkNames)
	return cmd
}

func (a *app) repair(ctx context.Context, r request) error {
	var answer struct {
		Repaired []struct{ Network, ContainerID, IfName, Plugin, Object string } `json:"repaired"`
	}

	err := a.show(ctx, "repair", r, &answer, func() error {
		var lines strings.Builder
		for _, o := range answer.Repaired {
			fmt.Fprintf(&lines, "%s\t%s\t%s\t%s: %s\n", oneLine(o.Network), oneLine(o.ContainerID),
				oneLine(o.IfName), oneLine(o.Plugin), oneLine(o.Object))
		}
		return a.printf("%s", lines.String())
	})
	if err != nil {
		return err
	}
	return a.checkRepaired(ctx, r)
}

// repairAlways repairs at once and after each start and reload of firewalld. It reports errors of a
// repair and goes on, since the next reload needs the next repair.
func (a *app) repairAlways(ctx context.Context, r request) error {
	fmt.Fprintln(a.err, "cni: repairing now, and when firewalld starts or is reloaded")
	return core.WatchFirewalld(ctx, func() {
		if err := a.repair(ctx, r); ctx.Err() == nil {
			a.report(err)
		}
	})
}

// checkRepaired checks the attachments of a repair. It reports each that still differs, and returns
// the last error.
func (a *app) checkRepaired(ctx context.Context, r request) error {
	if r["all"] == nil {
		return a.stillDiffers(a.call(ctx, "check", r))
	}

	answer, _, err := a.attachments(ctx, "", "")
	if err != nil {
		return err
	}

	var last error
	for _, at := range answer.Attachments {
		if !a.owns(at) || at.State != "attached" {
			continue
		}
		one, err := a.request()
		if err != nil {
			return err
		}
		one["network"], one["containerId"], one["ifName"] = at.Network, at.ContainerID, at.IfName
		err = a.stillDiffers(a.call(ctx, "check", one))
		if err == nil {
			continue
		}
		if last != nil {
			a.report(last)
		}
		last = err
	}
	return last
}

// stillDiffers marks the error of a check as one of what a repair has left.
func (a *app) stillDiffers(_ []byte, err error) error {
	var f *failure
	if errors.As(err, &f) {
		f.repaired = true
	}
	return err
}

// owns reports whether an attachment is of the owner that requests have.
func (a *app) owns(at attachment) bool {
	return a.owner == "*" || at.Owner == first(a.owner, "libcni")
}
