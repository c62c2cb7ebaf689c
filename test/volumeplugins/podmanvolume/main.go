// Command podmanvolume makes calls to volume plugins with Podman's own client, to be held against
// libcni's:
//
//	podmanvolume [-timeout SECONDS] CALL ...
//
// A call is SOCKET:METHOD[:VOLUME], or & before it to go on without waiting for its end. Each
// prints one JSON object, {"call","ms","error","answer"}, when it ends.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containers/podman/v5/libpod/plugin"
	"github.com/docker/go-plugins-helpers/volume"
)

func main() {
	timeout := flag.Uint("timeout", 3, "of a request, in seconds")
	flag.Parse()
	var running sync.WaitGroup
	for _, text := range flag.Args() {
		call, behind := strings.CutPrefix(text, "&")
		running.Add(1)
		done := make(chan struct{})
		go func() {
			defer running.Done()
			defer close(done)
			report(call, *timeout)
		}()
		if behind {
			time.Sleep(100 * time.Millisecond) // until it waits for its plugin
			continue
		}
		<-done
	}
	running.Wait()
}

var output sync.Mutex

func report(call string, timeout uint) {
	started := time.Now()
	answer, err := do(call, timeout)
	said := map[string]any{
		"call": call, "ms": time.Since(started).Milliseconds(), "answer": answer, "error": nil,
	}
	if err != nil {
		said["error"] = err.Error()
	}
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func do(call string, timeout uint) (any, error) {
	parts := append(strings.Split(call, ":"), "", "")
	socket, method, name := parts[0], parts[1], parts[2]
	p, err := plugin.GetVolumePlugin(socket, socket, &timeout, nil)
	if err != nil {
		return nil, err
	}
	switch method {
	case "create":
		return nil, p.CreateVolume(&volume.CreateRequest{Name: name})
	case "mount":
		return p.MountVolume(&volume.MountRequest{Name: name, ID: "m1"})
	case "get":
		return p.GetVolume(&volume.GetRequest{Name: name})
	case "list":
		return p.ListVolumes()
	default:
		return nil, fmt.Errorf("there is no method %q", method)
	}
}
