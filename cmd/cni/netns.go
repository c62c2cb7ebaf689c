package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/libcni/libcni/core"
)

// netnsDir is where ip netns keeps named namespaces.
const netnsDir = "/run/netns"

func (a *app) netnsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "netns",
		Short: "Create, list, enter and delete named network namespaces",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("netns: give a verb: create, list, exec or delete")
		},
	}

	cmd.AddCommand(&cobra.Command{
		Use:   "create NAME|PATH",
		Short: "Make a namespace bound to a file, set lo up, and print its path",
		Long: `Makes a network namespace bound to the file PATH, or to NAME in /run/netns, where ip netns
looks. A PATH contains a slash, a NAME does not. If the path cannot be written to standard output,
the status is 1 and the namespace stays, as standard error then says.`,
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
	}, a.netnsListCommand(), a.netnsExecCommand())
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
	if err != nil {
		return err
	}
	err = a.print(response, func() error { return a.printf("%s\n", answer.Path) })
	return unwritten(err, "the namespace exists and stays: remove it with cni netns delete %s",
		answer.Path)
}

func (a *app) netnsListCommand() *cobra.Command {
	var f tableFlags
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the namespaces in /run/netns, and what is attached to them",
		Args:    cobra.NoArgs,
	}

	cmd.RunE = a.verb(func(ctx context.Context, _ []string) error {
		list, err := a.namespaces(ctx)
		if err != nil {
			return err
		}

		if a.json {
			text, err := json.Marshal(map[string]any{"namespaces": list})
			if err != nil {
				return err
			}
			return a.printJSON(text)
		}

		rows := [][]string{}
		for _, ns := range list {
			rows = append(rows, []string{ns.Name, ns.Path, strings.Join(ns.Attachments, ",")})
		}
		return f.print(a, rows)
	})
	f.register(cmd, table{columns: []string{"NAME", "PATH", "ATTACHMENTS"}, id: "NAME"})
	return cmd
}

// namespace is a named network namespace.
type namespace struct {
	Name        string   `json:"name"`
	Path        string   `json:"path"`
	Attachments []string `json:"attachments"` // as NETWORK/ID/INTERFACE
}

// namespaces lists the named namespaces. State that cannot be read is an error, since without it
// the list would look as if nothing were attached.
func (a *app) namespaces(ctx context.Context) ([]namespace, error) {
	entries, err := os.ReadDir(netnsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}

	answer, _, err := a.attachments(ctx, "", "")
	if err != nil {
		return nil, err
	}

	list := []namespace{}
	for _, entry := range entries {
		ns := namespace{entry.Name(), filepath.Join(netnsDir, entry.Name()), []string{}}
		for _, at := range answer.Attachments {
			if filepath.Clean(at.Netns) == ns.Path || at.Netns == "/var"+ns.Path {
				ns.Attachments = append(ns.Attachments,
					at.Network+"/"+at.ContainerID+"/"+at.IfName)
			}
		}
		list = append(list, ns)
	}
	return list, nil
}

func (a *app) netnsExecCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec NAME|PATH COMMAND [ARGUMENT ...]",
		Short: "Run a program in a network namespace",
		Long: `Runs COMMAND in the network namespace, with everything else as it is: unlike ip netns exec,
it mounts neither /sys nor files of /etc/netns. The exit status is that of COMMAND.`,
		Example: `  cni netns exec blue ip address`,
		Args:    cobra.MinimumNArgs(2),
	}
	cmd.Flags().SetInterspersed(false)
	cmd.RunE = a.verb(func(_ context.Context, args []string) error {
		name, program := args[0], args[1:]
		if program[0] == "--" && len(program) > 1 {
			program = program[1:]
		}
		return a.execIn(name, program)
	})
	return cmd
}

// execIn replaces the process by a program in a namespace.
func (a *app) execIn(nameOrPath string, program []string) error {
	path, err := exec.LookPath(program[0])
	if err != nil {
		return fmt.Errorf("netns exec: %w", err)
	}

	r, err := a.netnsRequest(nameOrPath)
	if err != nil {
		return err
	}

	name, _ := r["name"].(string)
	place, _ := r["path"].(string)
	if err := core.EnterNetns(name, place); err != nil {
		return fmt.Errorf("netns exec: %w", err)
	}
	if err := syscall.Exec(path, program, a.environ); err != nil {
		return fmt.Errorf("netns exec: %s: %w", path, err)
	}
	return nil
}
