// Command golibcni calls Go's libcni as libcni.so is called, so that both can be given the same
// requests.
//
// It reads lines "METHOD REQUEST", where METHOD is add, del, check, gc, status or validate and
// REQUEST is a request of cni.h in one line, and answers each with a line "RC NANOSECONDS
// RESPONSE": 0 and the result, or the code of the error and its text as CNI's error object.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
)

// request has those keys of cni.h that Go's libcni knows.
type request struct {
	Network        json.RawMessage `json:"network"`
	NetworkFile    string          `json:"networkFile"`
	ContainerID    string          `json:"containerId"`
	IfName         string          `json:"ifName"`
	Netns          string          `json:"netns"`
	Args           [][2]string     `json:"args"`
	CapabilityArgs map[string]any  `json:"capabilityArgs"`
	Valid          []struct {
		ContainerID string `json:"containerId"`
		IfName      string `json:"ifName"`
	} `json:"validAttachments"`
	Options struct {
		PluginDirs []string `json:"pluginDirs"`
		CacheDir   string   `json:"cacheDir"`
		ConfDir    string   `json:"confDir"`
	} `json:"options"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			method, text, _ := strings.Cut(line, " ")
			begin := time.Now()
			response, err := call(method, text)
			fmt.Println(answer(response, err, time.Since(begin)))
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func answer(response any, err error, took time.Duration) string {
	rc := 0
	if err != nil {
		e := &types.Error{Code: types.ErrInternal, Msg: err.Error()}
		if inner := (*types.Error)(nil); errors.As(err, &inner) {
			e.Code, e.Details = inner.Code, inner.Details
		}
		rc, response = int(e.Code), e
	}
	text, err := json.Marshal(response)
	if err != nil {
		panic(err) // what is marshalled was made by the CNI library
	}
	return fmt.Sprintf("%d %d %s", rc, took.Nanoseconds(), text)
}

func call(method, text string) (any, error) {
	var r request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, err
	}
	list, err := r.list()
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	cni := libcni.NewCNIConfigWithCacheDir(r.Options.PluginDirs, r.Options.CacheDir, nil)
	rt := &libcni.RuntimeConf{
		ContainerID: r.ContainerID, NetNS: r.Netns, IfName: r.IfName, Args: r.Args,
		CapabilityArgs: r.CapabilityArgs,
	}
	if rt.IfName == "" {
		rt.IfName = "eth0"
	}
	done := struct{}{}
	switch method {
	case "add":
		return cni.AddNetworkList(ctx, list, rt)
	case "del":
		return done, cni.DelNetworkList(ctx, list, rt)
	case "check":
		return done, cni.CheckNetworkList(ctx, list, rt)
	case "gc":
		valid := []types.GCAttachment{}
		for _, v := range r.Valid {
			valid = append(valid, types.GCAttachment{ContainerID: v.ContainerID, IfName: v.IfName})
		}
		return done, cni.GCNetworkList(ctx, list, &libcni.GCArgs{ValidAttachments: valid})
	case "status":
		return done, cni.GetStatusNetworkList(ctx, list)
	case "validate":
		return cni.ValidateNetworkList(ctx, list)
	}
	return nil, fmt.Errorf("no method %q", method)
}

// list finds the configuration as a Go program would: a name in a directory, a file, or bytes of
// either form.
func (r *request) list() (*libcni.NetworkConfigList, error) {
	if r.NetworkFile != "" {
		if strings.HasSuffix(r.NetworkFile, ".conflist") {
			return libcni.NetworkConfFromFile(r.NetworkFile)
		}
		data, err := os.ReadFile(r.NetworkFile)
		if err != nil {
			return nil, err
		}
		return single(data)
	}
	var name string
	if json.Unmarshal(r.Network, &name) == nil {
		return libcni.LoadNetworkConf(r.Options.ConfDir, name)
	}
	var form struct {
		Plugins json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(r.Network, &form); err != nil {
		return nil, err
	}
	if form.Plugins == nil {
		return single(r.Network)
	}
	return libcni.NetworkConfFromBytes(r.Network)
}

func single(data []byte) (*libcni.NetworkConfigList, error) {
	plugin, err := libcni.NetworkPluginConfFromBytes(data)
	if err != nil {
		return nil, err
	}
	return libcni.ConfListFromConf(plugin)
}
