package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/core"
)

// engine is what the command line needs of core.
type engine interface {
	Call(ctx context.Context, caller core.Caller, method string,
		request []byte) (rc int, response []byte)
}

// app is one run of the command.
type app struct {
	engine  engine
	environ []string
	env     func(string) string
	in      io.Reader
	out     io.Writer
	err     io.Writer
	settings
	started     bool // the arguments were understood and a verb runs
	likeCnitool bool // the program was called by that name
	warned      map[string]bool
}

// execute runs the command with its arguments, the program's name first, and returns the exit
// status.
func (a *app) execute(ctx context.Context, args []string) int {
	a.likeCnitool = filepath.Base(args[0]) == "cnitool"
	err := validText(args)
	if err == nil {
		root := a.root()
		root.SetArgs(args[1:])
		err = root.ExecuteContext(ctx)
	}
	code := a.report(err)
	if code != exitDone && a.likeCnitool {
		return exitFailed // cnitool has no other status
	}
	return code
}

// validText refuses arguments that JSON cannot represent, which would silently become other names.
func validText(args []string) error {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("argument %q is not UTF-8", arg)
		}
	}
	return nil
}

// root builds the tree of verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "cni",
		Short: "Attach containers to networks",
		Long: `cni attaches network namespaces to networks with CNI plugins, built in or found in the
plugin directories.

It also accepts the arguments and the environment of cnitool: cni add|check|del|gc|status NETWORK
NETNS.

Exit status:
` + statusLines(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}

	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	a.settings.register(root)
	root.AddCommand(
		a.addCommand(), a.delCommand(), a.checkCommand(), a.repairCommand(),
		a.gcCommand(), a.statusCommand(),
		a.listCommand(), a.inspectCommand(), a.networksCommand(), a.validateCommand(), a.schemaCommand(),
		a.pluginCommand(), a.netnsCommand(), a.volumeCommand(), a.versionCommand(), a.callCommand(),
	)
	addCobrasVerbs(root)
	root.Version = api.Version
	root.SetVersionTemplate(versionText())
	return root
}

// verb wraps the body of a verb. An error before it runs is one of the command line.
func (a *app) verb(body func(ctx context.Context,
	args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.started = true
		return body(cmd.Context(), args)
	}
}

// call makes one request. An error that the engine returns is a *failure.
func (a *app) call(ctx context.Context, method string, r request) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	rc, response := a.engine.Call(ctx, core.Caller{Environ: a.environ, Log: a.logEvent}, method, data)
	if rc != 0 {
		return nil, newFailure(rc, response)
	}
	return response, nil
}

// ask is call that also decodes the answer; it returns the original for --json.
func (a *app) ask(ctx context.Context, method string, r request, answer any) ([]byte, error) {
	response, err := a.call(ctx, method, r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(response, answer); err != nil {
		return nil, fmt.Errorf("decode the answer of %s: %w", method, err)
	}
	return response, nil
}

// show asks, and calls text to print the decoded answer, or with --json prints the response.
func (a *app) show(ctx context.Context, method string, r request, answer any,
	text func() error) error {
	response, err := a.ask(ctx, method, r, answer)
	if err != nil {
		return err
	}
	return a.print(response, text)
}

// print calls text to print an answer, or with --json prints the response that has it.
func (a *app) print(response []byte, text func() error) error {
	if a.json {
		return a.printJSON(response)
	}
	return text()
}

// printKey asks and prints one key of the response, or with --json the whole response.
func (a *app) printKey(ctx context.Context, method string, r request, key string) error {
	var answer map[string]json.RawMessage
	return a.show(ctx, method, r, &answer, func() error { return a.printJSON(answer[key]) })
}

// printJSON writes an answer indented, as cnitool does; numbers and the order of keys stay as they
// are.
func (a *app) printJSON(value []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, value, "", "    "); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	b.WriteByte('\n')
	_, err := a.out.Write(b.Bytes())
	return err
}

// printf writes to standard output.
func (a *app) printf(format string, values ...any) error {
	_, err := fmt.Fprintf(a.out, format, values...)
	return err
}

// errAnswered means that everything has been printed; only the exit status is missing.
var errAnswered = errors.New("answered already")
