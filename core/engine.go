// Package core is the CNI engine. It takes a request, decides what each attachment needs, runs the
// plugins and keeps the state. There is one file per verb. It makes no kernel calls itself. Of its
// process it reads only what the Caller passes.
package core

import (
	"sync"
	"time"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/host/thread"
	"github.com/libcni/libcni/core/internal/strictjson"
	"github.com/libcni/libcni/core/volume"
)

// Types of internal packages that the outer layers use.
type (
	// Error is the error that every verb returns; cni.h describes its JSON form.
	Error = fault.Error
	// Starter starts a plugin process.
	Starter = spawn.Starter
	// ProcessSpec describes the process that a Starter starts.
	ProcessSpec = spawn.Spec
	// StartedProcess is the process that a Starter started.
	StartedProcess = spawn.Started
)

// ForkExec is the Starter of programs without requirements of their own, such as the command cni.
func ForkExec(spec ProcessSpec) (StartedProcess, error) { return spawn.ForkExec(spec) }

// Options are fixed for the life of an Engine.
type Options struct {
	Start Starter // starts plugin processes; nil means ForkExec
}

// maxDeletions bounds the links that the kernel may still be removing after their DELs have
// returned.
const maxDeletions = 8

// Engine serves requests. It is safe for concurrent use. The state of attachments is on disk and is
// shared by all engines and processes that use the same directories. An engine itself holds only
// caches: threads, sockets, firewall rules, and which directories were found to be safe.
type Engine struct {
	start       Starter
	running     *running
	deleter     *rtnl.Deleter
	rules       nft.Sockets
	threads     *thread.Pool
	requests    strictjson.Decoder
	attachments attachments.Memory
	clock       boot.Clock
	bootID      func() (string, error)
	volumes     *volume.Client
}

// New returns an engine. It opens and starts nothing; an engine need not be closed.
func New(o Options) *Engine {
	if o.Start == nil {
		o.Start = ForkExec
	}
	threads := &thread.Pool{}
	return &Engine{start: o.Start, running: newRunning(), threads: threads,
		deleter: rtnl.NewDeleter(maxDeletions, threads),
		bootID:  sync.OnceValues(boot.ID), volumes: volume.New()}
}

// Caller is what the host passes to a call.
type Caller struct {
	// Environ is the host's environment at the time of the call, "KEY=value" each.
	Environ []string
	// Log, if not nil, receives one JSON object per event, during the call and on its goroutine.
	Log func(event []byte)

	began time.Time // when the call began; zero if it begins with the verb
}

// beginning returns when the call began.
func (c Caller) beginning() time.Time {
	if c.began.IsZero() {
		return time.Now()
	}
	return c.began
}

// Cancel cancels the request in progress with a requestId, and reports whether there was one. The
// request itself undoes its steps and returns an error of kind cancelled.
func (e *Engine) Cancel(requestID string) bool { return e.running.cancel(requestID) }
