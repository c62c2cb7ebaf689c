package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// attachmentsAnswer is the answer of the method attachments.
type attachmentsAnswer struct {
	AsOf        string       `json:"asOf"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Network        string          `json:"network"`
	ContainerID    string          `json:"containerId"`
	IfName         string          `json:"ifName"`
	Netns          string          `json:"netns"`
	Owner          string          `json:"owner"`
	State          string          `json:"state"`
	Args           json.RawMessage `json:"args"`
	CapabilityArgs json.RawMessage `json:"capabilityArgs"`
	Result         json.RawMessage `json:"result"`
}

// attachments asks for the attachments of a container, of a network and of --ifname; "" stands for
// all.
func (a *app) attachments(ctx context.Context, containerID,
	network string) (*attachmentsAnswer, []byte, error) {
	r, err := a.request()
	if err != nil {
		return nil, nil, err
	}
	set(r, "containerId", containerID)
	set(r, "network", network)
	set(r, "ifName", a.ifName)
	answer := new(attachmentsAnswer)
	response, err := a.ask(ctx, "attachments", r, answer)
	return answer, response, err
}

func (a *app) listCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:     "list [NETWORK]",
		Aliases: []string{"ls", "attachments"},
		Short:   "List what is attached",
		Long: `Lists what is attached, by other runtimes with the same cache directory, too.
The state is attached, incomplete (an add was interrupted) or stale (the namespace is gone).`,
		Args: cobra.MaximumNArgs(1),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		answer, response, err := a.attachments(ctx, id, strings.Join(args, ""))
		if err != nil {
			return err
		}

		if a.json {
			return a.printJSON(response)
		}

		rows := [][]string{}
		for _, at := range answer.Attachments {
			rows = append(rows, []string{
				at.Network, at.ContainerID, at.IfName,
				strings.Join(parseResult(at.Result).addresses(), ","), at.State, at.Owner, at.Netns,
			})
		}

		heading := []string{
			"NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "STATE", "OWNER", "NAMESPACE",
		}

		return a.printTable(heading, rows)
	})
	cmd.Flags().StringVar(&id, "id", "", "only the attachments of the container `id`")
	completeWith(cmd, "id", a.containerIDs)
	completeArgs(cmd, a.networkNames)
	return cmd
}

func (a *app) inspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect ID [NETWORK]",
		Short: "Show everything known about a container's attachments",
		Args:  cobra.RangeArgs(1, 2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		answer, response, err := a.attachments(ctx, args[0], strings.Join(args[1:], ""))
		if err != nil {
			return err
		}

		if a.json {
			err = a.printJSON(response)
		}

		for i, at := range answer.Attachments {
			if a.json || err != nil {
				break
			}

			err = a.printAttachment(at, i > 0)
		}

		if err == nil && len(answer.Attachments) == 0 {
			fmt.Fprintf(a.err, "cni: container %s is not attached\n", printable(args[0]))
			return errAnswered
		}

		return err
	})
	completeArgs(cmd, a.containerIDs)
	return cmd
}

func (a *app) printAttachment(at attachment, blankFirst bool) error {
	result := parseResult(at.Result)
	rows := [][]string{
		{"Network:", at.Network},
		{"Container:", at.ContainerID},
		{"Interface:", at.IfName},
		{"State:", at.State},
		{"Owner:", at.Owner},
		{"Namespace:", at.Netns},
		{"Addresses:", strings.Join(result.addresses(), ", ")},
		{"Gateways:", strings.Join(result.gateways(), ", ")},
		{"Routes:", strings.Join(result.routes(), ", ")},
		{"Name servers:", strings.Join(result.DNS.Nameservers, ", ")},
		{"Interfaces:", strings.Join(result.interfaces(), ", ")},
		{"Arguments:", compact(at.Args)},
		{"Capabilities:", compact(at.CapabilityArgs)},
	}

	if blankFirst {
		if err := a.printf("\n"); err != nil {
			return err
		}
	}

	return a.printTable(nil, rows)
}
