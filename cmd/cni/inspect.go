package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) inspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect ID [NETWORK]",
		Short: "Show everything known about a container's attachments",
		Long: `Shows what is recorded about a container's attachments: addresses and routes in the
container, published ports, and which rules the configuration asks for. Then it shows what the host
has now: links with the container's traffic, addresses and routes towards it, rules with what they
have matched, the differences that check would report, and the warnings of status. What cannot be
read is named; reading rules needs CAP_NET_ADMIN. Nothing is changed. With --json it prints the
answer of cni_inspect(3).`,
		Args: cobra.RangeArgs(1, 2),
	}

	cmd.RunE = a.verb(func(ctx context.Context, args []string) error {
		id, err := a.resolveID(ctx, args[0], reads)
		if err != nil {
			return err
		}
		network := strings.Join(args[1:], "")
		var answer inspectAnswer
		response, err := a.askAbout(ctx, "inspect", id, network, &answer)
		if err != nil {
			return err
		}

		err = a.print(response, func() error { return a.printInspections(answer.Attachments) })
		if err != nil || len(answer.Attachments) > 0 {
			return err
		}
		of := ""
		if network != "" {
			of = " to network " + oneLine(network)
		}
		if a.ifName != "" {
			of += " as " + oneLine(a.ifName)
		}
		fmt.Fprintf(a.err, "cni: container %s is not attached%s\n", oneLine(args[0]), of)
		return errAnswered
	})
	completeArgs(cmd, a.containerIDs)
	return cmd
}

// printInspections separates attachments by a blank line.
func (a *app) printInspections(all []inspection) error {
	for i, at := range all {
		if i > 0 {
			if err := a.printf("\n"); err != nil {
				return err
			}
		}
		if err := a.printInspection(at); err != nil {
			return err
		}
	}
	return nil
}

// printInspection prints names and values. A name with several values has a line for each.
func (a *app) printInspection(at inspection) error {
	result := parseResult(at.Result)
	rows := [][]string{}
	for _, part := range []struct {
		name   string
		values []string
	}{
		{"Network:", []string{at.Network}},
		{"Container:", []string{at.ContainerID}},
		{"Interface:", []string{at.IfName}},
		{"State:", []string{at.State}},
		{"Owner:", []string{at.Owner}},
		{"Namespace:", []string{at.Netns}},
		{"Addresses:", result.addressesWithGateways()},
		{"Routes:", result.routes()},
		{"Name servers:", result.DNS.Nameservers},
		{"Ports:", at.ports()},
		{"Container links:", result.interfaces(inContainer)},
		{"Host links:", result.interfaces(onHost)},
		{"Rules:", rulesOf(at.Config)},
		{"Arguments:", []string{compact(at.Args)}},
		{"Capabilities:", []string{compact(at.otherCapabilities())}},
		{"On the host:", at.objects()},
		{"Differences:", at.differences()},
		{"Warnings:", at.warnings()},
		{"Not shown:", at.unseen()},
	} {
		if len(part.values) == 0 {
			part.values = []string{""}
		}
		for i, value := range part.values {
			name := part.name
			if i > 0 {
				name = " "
			}
			rows = append(rows, []string{name, value})
		}
	}

	return a.printTable(nil, rows)
}

// ports are the published ports.
func (at attachment) ports() []string {
	var capabilities struct {
		PortMappings []portMapping `json:"portMappings"`
	}
	if json.Unmarshal(at.CapabilityArgs, &capabilities) != nil {
		return nil
	}
	var list []string
	for _, m := range capabilities.PortMappings {
		list = append(list, m.String())
	}
	return list
}

// otherCapabilities are the capability arguments but those that are shown as ports.
func (at attachment) otherCapabilities() json.RawMessage {
	var capabilities map[string]json.RawMessage
	if json.Unmarshal(at.CapabilityArgs, &capabilities) != nil || at.ports() == nil {
		return at.CapabilityArgs
	}
	delete(capabilities, "portMappings")
	rest, err := json.Marshal(capabilities)
	if err != nil {
		return at.CapabilityArgs
	}
	return rest
}

// pluginRules are the keys of a plugin's configuration that ask for rules on the host.
type pluginRules struct {
	Type          string `json:"type"`
	IPMasq        bool   `json:"ipMasq"`
	MACSpoofCheck bool   `json:"macspoofchk"`
	SNAT          *bool  `json:"snat"`
	MasqAll       bool   `json:"masqAll"`
	Backend       string `json:"backend"`
	IngressPolicy string `json:"ingressPolicy"`
}

// rulesOf says which rules a configuration list asks for.
func rulesOf(config json.RawMessage) []string {
	var list struct{ Plugins []pluginRules }
	if json.Unmarshal(config, &list) != nil {
		return nil
	}
	var rules []string
	for _, p := range list.Plugins {
		for _, rule := range p.rules() {
			rules = append(rules, rule+" ("+p.Type+")")
		}
	}
	return rules
}

func (p pluginRules) rules() []string {
	var rules []string
	if p.IPMasq {
		rules = append(rules, "masquerade the container's traffic to other networks")
	}
	if p.MACSpoofCheck {
		rules = append(rules, "drop frames with another MAC address")
	}
	switch p.Type {
	case "portmap":
		rules = append(rules, "forward the published ports"+p.translation())
	case "firewall":
		rules = append(rules, "accept connections: "+first(p.IngressPolicy, "open"))
	}
	return rules
}

func (p pluginRules) translation() string {
	switch {
	case p.MasqAll:
		return ", every client as the host"
	case p.SNAT != nil && !*p.SNAT:
		return ", without source address translation"
	}
	return ""
}
