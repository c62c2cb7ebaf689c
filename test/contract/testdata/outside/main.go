// Command outside implements a plugin in a module of its own, and calls it as the engine would.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/plugin"
)

type outside struct{}

// The optional parts of the contract can be implemented, too.
var (
	_ plugin.Plugin       = outside{}
	_ plugin.Repairer     = outside{}
	_ plugin.DelStarter   = outside{}
	_ plugin.ConfigReader = outside{}
)

func (outside) Traits() plugin.Traits {
	return plugin.Traits{Chained: true, IgnoresInterface: true}
}
func (outside) Unsupported([]byte) string { return "" }

// config is what the plugin reads of its configuration.
type config struct {
	Name string `json:"name"`
}

func (outside) ReadConfig(inv *plugin.Invocation) (any, error) {
	c := new(config)
	return c, json.Unmarshal(inv.Config, c)
}

func (o outside) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	c, err := plugin.Read[*config](o, inv)
	if err != nil {
		return nil, err
	}
	if err := inv.Netns.Do(ctx, func() error { return nil }); err != nil {
		return nil, err
	}
	inv.Warn("network %s: interface %s in %s", c.Name, inv.IfName, inv.Netns.Path())
	return plugin.NewResult(&types100.Result{Interfaces: []*types100.Interface{{Name: inv.IfName}}}),
		nil
}

func (outside) Del(context.Context, *plugin.Invocation) error {
	return &plugin.Error{Code: 101, Msg: "cannot", Details: "details"}
}

func (outside) Check(context.Context, *plugin.Invocation) error {
	return plugin.Differences{{Object: "link eth0", Expected: "up", Actual: "down"}}
}

func (outside) GC(_ context.Context, inv *plugin.Invocation) error {
	for _, valid := range inv.ValidAttachments {
		if valid == (plugin.AttachmentID{ContainerID: "c1", IfName: "eth0"}) {
			return nil
		}
	}
	return errors.New("c1 is not valid")
}

func (outside) Status(context.Context, *plugin.Invocation) error               { return nil }
func (outside) Repair(context.Context, *plugin.Invocation) error               { return nil }
func (outside) StartDel(context.Context, *plugin.Invocation) plugin.StartedDel { return started{} }

type started struct{}

func (started) Finish(context.Context) error { return nil }
func (started) Abandon(context.Context)      {}

// namespace stands for the one that the engine opens.
type namespace struct{}

func (namespace) Path() string                                { return "/run/netns/c1" }
func (namespace) Fd() int                                     { return -1 }
func (namespace) Do(_ context.Context, fn func() error) error { return fn() }

func main() {
	var p plugin.Plugin = outside{}
	ctx := context.Background()
	inv := &plugin.Invocation{IfName: "eth0", Netns: namespace{},
		Config:           []byte(`{"name":"web"}`),
		Warnings:         func(msg string) { fmt.Println("warning:", msg) },
		ValidAttachments: []plugin.AttachmentID{{ContainerID: "c1", IfName: "eth0"}}}
	result, err := p.Add(ctx, inv)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	text, err := result.JSON("1.0.0")
	fmt.Println(string(text), err)
	fmt.Println(p.Del(ctx, inv), p.Check(ctx, inv), p.GC(ctx, inv))
}
