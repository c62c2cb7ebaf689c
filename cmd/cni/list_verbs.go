package main

import (
	"context"
	"encoding/json"
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
	Config         json.RawMessage `json:"config"`
}

// attachments asks for the attachments of a container, of a network and of --ifname; "" stands for
// all.
func (a *app) attachments(ctx context.Context, containerID,
	network string) (*attachmentsAnswer, []byte, error) {
	answer := new(attachmentsAnswer)
	response, err := a.askAbout(ctx, "attachments", containerID, network, answer)
	return answer, response, err
}

// askAbout asks about the attachments of a container, of a network and of --ifname; "" stands for
// all.
func (a *app) askAbout(ctx context.Context, method, containerID, network string,
	answer any) ([]byte, error) {
	r, err := a.request()
	if err != nil {
		return nil, err
	}
	set(r, "containerId", containerID)
	set(r, "network", network)
	set(r, "ifName", a.ifName)
	return a.ask(ctx, method, r, answer)
}

func (a *app) listCommand() *cobra.Command {
	var id string
	var f tableFlags
	cmd := &cobra.Command{
		Use:     "list [NETWORK]",
		Aliases: []string{"ls", "attachments"},
		Short:   "List what is attached",
		Long: `Lists what is attached, by other runtimes with the same cache directory, too.
The state is attached, incomplete (an add was interrupted) or stale (the namespace is gone). Long
ids are cut, and can be given so.`,
		Example: `  cni list
  cni list web --format '{{.Container}} {{.Addresses}}'
  cni list -q`,
		Args: cobra.MaximumNArgs(1),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		id, err := a.resolveID(ctx, id, reads)
		if err != nil {
			return err
		}
		answer, response, err := a.attachments(ctx, id, strings.Join(args, ""))
		if err != nil {
			return err
		}

		return a.print(response, func() error {
			rows := [][]string{}
			for _, at := range answer.Attachments {
				rows = append(rows, []string{
					at.Network, at.ContainerID, at.IfName,
					strings.Join(parseResult(at.Result).addresses(), ","), strings.Join(at.ports(), ","),
					at.State, at.Owner, at.Netns,
				})
			}
			return f.print(a, rows)
		})
	})
	f.register(cmd, table{
		columns: []string{
			"NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "PORTS", "STATE", "OWNER", "NAMESPACE",
		},
		id: "CONTAINER", long: "CONTAINER",
	})
	cmd.Flags().StringVar(&id, "id", "", "only the attachments of the container `id`")
	completeWith(cmd, "id", a.containerIDs)
	completeArgs(cmd, a.networkNames)
	return cmd
}
