package lifecycle

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/conf"
	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/invoke"
	"github.com/libcni/libcni/core/internal/kit/kittest"
	"github.com/libcni/libcni/core/plugin"
)

// rig is a manager with built-ins that record what they are asked.
type rig struct {
	*Manager
	t      *testing.T
	ran    []string // "TYPE.COMMAND", in order
	read   []string // "TYPE" for each ReadConfig, in order
	last   *plugin.Invocation
	warned []string

	// answer is what the built-ins do, by "TYPE.COMMAND"; without an entry they succeed.
	answer map[string]func(ctx context.Context) error
	made   []*types100.Interface // in the result of each ADD
}

func newRig(t *testing.T) *rig {
	t.Helper()
	netnstest.Host(t)
	bootID, err := boot.ID()
	kittest.Must(t, err)
	dir := t.TempDir()
	r := &rig{t: t, answer: map[string]func(context.Context) error{}}
	r.Manager = &Manager{
		Store: attachments.Open(filepath.Join(dir, "cache"), filepath.Join(dir, "run")), BootID: bootID,
		Clock: &boot.Clock{}, ConfDir: dir, StateDir: filepath.Join(dir, "run"),
		Runner: &invoke.Runner{Mode: invoke.Only,
			Catalog: func(pluginType string) plugin.Plugin { return builtin{r, pluginType} }},
		Events: func(e event.Event) {
			if e.Event == "warning" {
				r.warned = append(r.warned, e.Msg)
			}
		},
	}
	return r
}

// commands returns what the built-ins were asked so far, and forgets it.
func (r *rig) commands() string {
	ran := r.ran
	r.ran = nil
	return strings.Join(ran, " ")
}

// lock locks an attachment until the end of the test.
func (r *rig) lock(key attachments.Key) *attachments.Held {
	r.t.Helper()
	held, err := r.Store.Lock(r.t.Context(), key)
	kittest.Must(r.t, err)
	r.t.Cleanup(held.Unlock)
	return held
}

// request is for an attachment of the container "c1" to a network of plugins of the given types.
func (r *rig) request(path string, types ...string) *AttachRequest {
	r.t.Helper()
	return &AttachRequest{
		Key:    attachments.Key{Network: "web", ContainerID: "c1", IfName: "eth0"},
		Config: network(r.t, types...),
		Netns:  netnstest.Open(r.t, path), Owner: "me",
	}
}

// entry is the entry of an attachment in the namespace at path, complete.
func (r *rig) entry(path string) *attachments.Entry {
	r.t.Helper()
	ns := netnstest.Open(r.t, path)
	cookie, err := ns.Cookie(r.t.Context())
	kittest.Must(r.t, err)
	return &attachments.Entry{
		Key:   attachments.Key{Network: "web", ContainerID: "c1", IfName: "eth0"},
		Netns: path, Cookie: cookie, Inode: ns.Inode(), BootID: r.BootID,
		Config: network(r.t, "a").Raw, CNIVersion: "1.1.0",
	}
}

func network(t testing.TB, types ...string) *conf.List {
	t.Helper()
	var plugins []map[string]string
	for _, pluginType := range types {
		plugins = append(plugins, map[string]string{"type": pluginType})
	}
	text, err := json.Marshal(map[string]any{"cniVersion": "1.1.0", "name": "web", "plugins": plugins})
	kittest.Must(t, err)
	list, err := conf.Parse(text)
	kittest.Must(t, err)
	return list
}

// builtin is a built-in of a type that makes interfaces only if its name says so.
type builtin struct {
	rig  *rig
	name string
}

func (b builtin) Traits() plugin.Traits {
	return plugin.Traits{MakesInterface: b.name == "interface", IgnoresInterface: true}
}

func (builtin) Unsupported([]byte) string { return "" }

func (b builtin) Add(ctx context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	config, err := plugin.Read[string](b, inv)
	kittest.Must(b.rig.t, err)
	if want := b.config(inv); config != want {
		b.rig.t.Errorf("ADD got %q, want %q", config, want)
	}
	err = b.run(ctx, inv)
	result := plugin.NewResult(&types100.Result{Interfaces: b.rig.made})
	if b.rig.made != nil {
		result = result.WithInterface(1, nil)
	}
	return result, err
}

// ReadConfig records that it was called.
func (b builtin) ReadConfig(inv *plugin.Invocation) (any, error) {
	b.rig.read = append(b.rig.read, b.name)
	if answer := b.rig.answer[b.name+"."+plugin.Validate]; answer != nil {
		return nil, answer(b.rig.t.Context())
	}
	return b.config(inv), nil
}

func (b builtin) config(inv *plugin.Invocation) string {
	return b.name + " of version " + inv.CNIVersion
}

func (b builtin) Del(ctx context.Context, inv *plugin.Invocation) error {
	return b.run(ctx, inv)
}

func (b builtin) Check(ctx context.Context, inv *plugin.Invocation) error {
	return b.run(ctx, inv)
}

func (b builtin) GC(ctx context.Context, inv *plugin.Invocation) error {
	return b.run(ctx, inv)
}

func (b builtin) Status(ctx context.Context, inv *plugin.Invocation) error {
	return b.run(ctx, inv)
}

func (b builtin) run(ctx context.Context, inv *plugin.Invocation) error {
	command := b.name + "." + inv.Command
	b.rig.ran, b.rig.last = append(b.rig.ran, command), inv
	if answer := b.rig.answer[command]; answer != nil {
		return answer(ctx)
	}
	return nil
}

// addLink makes a link in the namespace at path.
func addLink(t *testing.T, path, name string) {
	t.Helper()
	kittest.Must(t, netnstest.Open(t, path).Do(t.Context(), func() error {
		kittest.Run(t, "ip", "link", "add", name, "type", "bridge")
		return nil
	}))
}

func closed(ns *netns.Namespace) bool { return ns.Fd() < 0 }
