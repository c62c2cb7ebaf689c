package main

import (
	"context"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// attachmentFlags name an attachment and say how to make it.
type attachmentFlags struct {
	id, networkFile string
	args            []string
	capArgs         string
	publish         []string
}

func (f *attachmentFlags) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "",
		"container `id` (default: derived from the path of the namespace, as in cnitool)")
	flags.StringVarP(&f.networkFile, "network-file", "f", "",
		"`file` with the network configuration, instead of NETWORK")
	flags.StringArrayVar(&f.args, "args", nil,
		"`KEY=VALUE` of CNI_ARGS; may be repeated (default $CNI_ARGS)")
	flags.StringVar(&f.capArgs, "cap-args", "",
		"capability arguments, a `JSON` object (default $CAP_ARGS)")
	flags.StringArrayVarP(&f.publish, "publish", "p", nil,
		"`"+publishForm+"` to map, for plugins with the portMappings capability; an IPv6 address is "+
			"written in brackets; may be repeated")
	completeWith(cmd, "id", a.containerIDs)
}

// place returns the positional arguments [NETWORK] [NETNS]; with --network-file there is no
// NETWORK.
func (f *attachmentFlags) place(args []string) (network, netns string, err error) {
	if f.networkFile == "" && len(args) > 0 {
		network, args = args[0], args[1:]
	}
	if len(args) > 0 {
		netns, args = args[0], args[1:]
	}
	if len(args) > 0 {
		return "", "", usage("%q is one argument too many: --network-file replaces NETWORK", args[0])
	}
	return network, netns, nil
}

// fillExisting is fill for an attachment that exists: its id may be shortened.
func (f *attachmentFlags) fillExisting(ctx context.Context, a *app, r request, args []string,
	does effect) error {
	if err := f.fill(a, r, args); err != nil || f.id == "" {
		return err
	}
	id, err := a.resolveID(ctx, f.id, does)
	r["containerId"] = id
	return err
}

// fill writes the attachment into a request. Without --id, the id is the one that cnitool derives
// from the namespace.
func (f *attachmentFlags) fill(a *app, r request, args []string) error {
	network, netns, err := f.place(args)
	if err != nil {
		return err
	}

	set(r, "network", network)
	if err := setPath(r, "networkFile", f.networkFile); err != nil {
		return err
	}

	if err := setPath(r, "netns", netns); err != nil {
		return err
	}

	id := f.id
	if id == "" {
		path, _ := r["netns"].(string)
		if path == "" || network == "" && f.networkFile == "" {
			return usage("an attachment is required: give NETWORK and NETNS; del and check also accept --id")
		}

		id = toolID(path)
	}

	r["containerId"] = id
	// An id alone stands for every interface of the container.
	if name := first(a.ifName, a.env("CNI_IFNAME")); name != "" {
		r["ifName"] = name
	} else if f.id == "" {
		r["ifName"] = "eth0"
	}

	return f.fillArguments(a, r)
}

func (f *attachmentFlags) fillArguments(a *app, r request) error {
	pairs := f.args
	source := "--args"
	if text := a.env("CNI_ARGS"); pairs == nil && text != "" {
		pairs, source = strings.Split(text, ";"), "CNI_ARGS"
	}

	args := [][2]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return usage("%s: %q is not KEY=VALUE", source, pair)
		}

		args = append(args, [2]string{key, value})
	}

	if len(args) > 0 {
		r["args"] = args
	}

	return f.fillCapabilities(a, r)
}

func (f *attachmentFlags) fillCapabilities(a *app, r request) error {
	text, source := f.capArgs, "--cap-args"
	if text == "" {
		text, source = a.env("CAP_ARGS"), "CAP_ARGS"
	}

	capabilities := map[string]json.RawMessage{}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &capabilities); err != nil {
			return usage("%s: not a JSON object: %v", source, err)
		}
	}

	mappings, err := parsePublished(f.publish)
	if err != nil {
		return err
	}

	if mappings != nil {
		if capabilities["portMappings"] != nil {
			return usage("--publish and the portMappings of %s exclude each other", source)
		}
		if capabilities["portMappings"], err = json.Marshal(mappings); err != nil {
			return err
		}
	}
	if len(capabilities) > 0 {
		r["capabilityArgs"] = capabilities
	}

	return nil
}

// toolID returns the container id that cnitool derives from a namespace, so that scripts that
// attached with cnitool can detach with cni.
func toolID(netns string) string {
	sum := sha512.Sum512([]byte(netns))
	return fmt.Sprintf("cnitool-%x", sum[:10])
}
