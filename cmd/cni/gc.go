package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// gcFlags say what a garbage collection keeps.
type gcFlags struct {
	networkFlag
	keep   []string
	all    bool
	asOf   string
	dryRun bool
}

// attachmentID is an entry of validAttachments.
type attachmentID struct {
	ContainerID string `json:"containerId"`
	IfName      string `json:"ifName"`
}

func (a *app) gcCommand() *cobra.Command {
	var f gcFlags
	cmd := &cobra.Command{
		Use:   "gc NETWORK (--keep ID/INTERFACE ... | --all) | gc NETWORK NETNS",
		Short: "Remove attachments whose containers are gone",
		Long: `Removes the attachments of a network that are not named with --keep, and prints them.
Attachments of another --owner, and those younger than a minute, are left alone; the young ones are
named on standard error. An ID in --keep may be shortened. If it takes time to
make the list of what to keep, read "asOf" of cni list --json first and give it as --as-of: newer
attachments are then left alone, too. With NETNS, as in cnitool, nothing is kept.`,
		Example: `  cni gc web --keep c1/eth0 --keep c2/eth0 --dry-run`,
		Args:    cobra.MaximumNArgs(2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		return a.collect(ctx, &f, args)
	})
	f.networkFlag.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.keep, "keep", nil, "`ID/INTERFACE` that is valid; may be repeated")
	flags.BoolVar(&f.all, "all", false, "keep nothing: remove all")
	flags.StringVar(&f.asOf, "as-of", "",
		"`asOf` of cni list --json, taken before the list of what to keep was made")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would be removed, and remove nothing")
	cmd.MarkFlagsMutuallyExclusive("keep", "all")
	completeArgs(cmd, a.networkNames)
	completeWith(cmd, "keep", a.attachmentIDs)
	return cmd
}

func (a *app) collect(ctx context.Context, f *gcFlags, args []string) error {
	r, err := a.request()
	if err != nil {
		return err
	}

	likeCnitool := len(args) == 2
	if err := f.fill(r, args[:min(len(args), 1)]); err != nil {
		return err
	}

	valid, err := parseKept(f.keep)
	switch {
	case err != nil:
		return err
	case len(valid) == 0 && !f.all && !likeCnitool:
		return usage("gc removes what --keep does not name: give --keep ID/INTERFACE, or --all to keep " +
			"nothing")
	}

	before, _, err := a.attachments(ctx, "", "")
	if err != nil {
		return err
	}

	for i, keep := range valid {
		valid[i].ContainerID, err = matchID(withPrefix(before.Attachments, keep.ContainerID),
			keep.ContainerID, removes)
		if err != nil {
			return err
		}
	}

	r["validAttachments"] = valid
	r["asOf"] = first(f.asOf, before.AsOf)
	if f.dryRun {
		r["dryRun"] = true
	}

	removed, err := a.printCollected(ctx, r)
	if err != nil || a.json {
		return err
	}
	a.printSpared(r, before.Attachments, removed, valid)
	return nil
}

// printSpared names the owner's attachments that gc kept although nobody asked for it.
func (a *app) printSpared(r request, before, removed []attachment, valid []attachmentID) {
	network := nameOf(r)
	var spared []string
	for _, at := range before {
		id := attachmentID{at.ContainerID, at.IfName}
		wasRemoved := slices.ContainsFunc(removed, func(r attachment) bool {
			return attachmentID{r.ContainerID, r.IfName} == id
		})
		if at.Network == network && a.owns(at) && !wasRemoved && !slices.Contains(valid, id) {
			spared = append(spared, oneLine(id.ContainerID+"/"+id.IfName))
		}
	}
	if len(spared) > 0 {
		fmt.Fprintf(a.err, "cni: kept %s: younger than a minute, or newer than --as-of\n",
			strings.Join(spared, ", "))
	}
}

// nameOf returns the name of a request's network, also of one in a file, or "".
func nameOf(r request) string {
	if name, given := r["network"].(string); given {
		return name
	}
	var config struct {
		Name string `json:"name"`
	}
	path, _ := r["networkFile"].(string)
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &config) != nil {
		return ""
	}
	return config.Name
}

func (a *app) printCollected(ctx context.Context, r request) ([]attachment, error) {
	var answer struct {
		Removed []attachment `json:"removed"`
	}

	response, err := a.ask(ctx, "gc", r, &answer)
	if err != nil {
		return nil, err
	}
	return answer.Removed, a.print(response, func() error {
		if len(answer.Removed) == 0 {
			return nil
		}
		rows := [][]string{}
		for _, at := range answer.Removed {
			rows = append(rows, []string{at.Network, at.ContainerID, at.IfName})
		}
		heading := "REMOVED"
		if r["dryRun"] != nil {
			heading = "WOULD REMOVE"
		}
		return a.printTable([]string{heading, "CONTAINER", "INTERFACE"}, rows)
	})
}

func parseKept(texts []string) ([]attachmentID, error) {
	valid := []attachmentID{}
	for _, text := range texts {
		id, ifName, ok := strings.Cut(text, "/")
		if !ok || id == "" || ifName == "" {
			return nil, usage("--keep %s: give ID/INTERFACE, such as %s/eth0", text, first(id, "c1"))
		}
		valid = append(valid, attachmentID{id, ifName})
	}
	return valid, nil
}
