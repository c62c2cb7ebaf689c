package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	cniversion "github.com/containernetworking/cni/pkg/version"
	"github.com/spf13/cobra"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/core"
)

func (a *app) callCommand() *cobra.Command {
	var frames bool
	cmd := &cobra.Command{
		Use:   "call METHOD < REQUEST",
		Short: "Serve one request of the C API in JSON",
		Long: `Reads the request of a C function from standard input and prints
{"rc":RC,"response":RESPONSE} on one line: what the function returns and the contents of *response.
METHOD is the function's name without cni_, and with a dot after netns, plugin and volume: add,
netns.create, plugin.info, volume.mount. describe and version need no request; describe lists all
methods.

The exit status is 0 if there is an answer, even an error. Events go to standard error with -v, one
JSON object a line. Flags for options do not apply: the request contains its own.

With --frames, which cni_dl.h uses, answer and events go to standard output in frames: length and
type (L event, R answer), 32 bits each in the machine's order, then the JSON text and a NUL; before
an answer's text the return value.`,
		Example: `  echo '{"options":{"confDir":"/etc/cni/net.d"}}' | cni call networks`,
		Args:    cobra.ExactArgs(1),
		RunE: a.verb(func(ctx context.Context, args []string) error {
			return a.serve(ctx, args[0], frames)
		}),
	}

	cmd.Flags().BoolVar(&frames, "frames", false, "answer in frames, for cni_dl.h")
	completeArgs(cmd, func(context.Context) []string { return append(core.Methods(), "version") })
	return cmd
}

// serve reads a request and writes the return value and the response.
func (a *app) serve(ctx context.Context, method string, frames bool) error {
	answer, event := a.answer, func(event []byte) { fmt.Fprintf(a.err, "%s\n", event) }
	if frames {
		answer = a.answerFrame
		event = func(event []byte) { _ = a.frame(frameEvent, nil, event) } // without a reader, continue
	}
	if method == "version" {
		return answer(0, versionAnswer())
	}

	request := []byte("{}")
	if method != "describe" {
		var err error
		// One more byte than the limit is read, so that the engine refuses a longer request.
		if request, err = io.ReadAll(io.LimitReader(a.in, api.MaxRequest+1)); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
	}

	caller := core.Caller{Environ: a.environ}
	if a.verbose {
		caller.Log = event
	}

	rc, response := a.engine.Call(ctx, caller, method, request)
	return answer(rc, response)
}

func (a *app) answer(rc int, response []byte) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"rc":%d,"response":`, rc)
	if err := json.Compact(&b, response); err != nil {
		return fmt.Errorf("the answer is not JSON: %w", err)
	}
	b.WriteString("}\n")
	_, err := a.out.Write(b.Bytes())
	return err
}

func versionAnswer() []byte {
	answer, _ := json.Marshal(map[string]any{ // strings and a number always encode
		"version": api.Version, "abiVersion": api.ABI,
		"cniVersions": cniversion.All.SupportedVersions(),
	})
	return answer
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the command, of the C ABI and of the CNI specification",
		Args:  cobra.NoArgs,
		RunE: a.verb(func(context.Context, []string) error {
			if a.json {
				return a.printJSON(versionAnswer())
			}
			return a.printf("%s", versionText())
		}),
	}
}

func versionText() string {
	return fmt.Sprintf("cni %s\nABI %d\nCNI specification %s\n", api.Version, api.ABI,
		joined(cniversion.All.SupportedVersions()))
}
