// Package core is the CNI engine: it takes a request, decides what has to happen to which
// attachment, runs the plugins and keeps the state. One file per verb. It makes no kernel calls
// itself and reads nothing of its process but what it is given.
package core

import (
	"sync"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/boot"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/host/thread"
	"github.com/libcni/libcni/core/internal/strictjson"
	"github.com/libcni/libcni/core/volume"
)

// Types of the inner rings that the outer ones use.
type (
	// Error is the error every verb returns; see cni.h for its JSON form.
	Error = fault.Error
	// Starter makes a plugin process.
	Starter = spawn.Starter
	// ProcessSpec describes the process that a Starter makes.
	ProcessSpec = spawn.Spec
	// StartedProcess is what a Starter returns.
	StartedProcess = spawn.Started
)

// ForkExec is the Starter of programs that are their own host, such as the cni command.
func ForkExec(spec ProcessSpec) (StartedProcess, error) { return spawn.ForkExec(spec) }

// Options are fixed for the life of an Engine.
type Options struct {
	Start Starter // how plugin processes are made; nil means ForkExec
}

// maxDeletions bounds the links that the kernel is still removing after their DELs have returned.
const maxDeletions = 8

// Engine serves requests. It is safe for concurrent use. The state of attachments is on disk,
// shared by all engines and processes that use the same directories. An engine only keeps what
// saves work: threads, sockets and what was read of the rules.
type Engine struct {
	start    Starter
	running  *running
	deleter  *rtnl.Deleter
	rules    nft.Sockets
	threads  *thread.Pool
	requests strictjson.Decoder
	bootID   func() (string, error)
	volumes  *volume.Client
}

// New returns an engine. It opens nothing and starts nothing.
func New(o Options) *Engine {
	if o.Start == nil {
		o.Start = ForkExec
	}
	threads := &thread.Pool{}
	return &Engine{start: o.Start, running: newRunning(), threads: threads,
		deleter: rtnl.NewDeleter(maxDeletions, threads),
		bootID:  sync.OnceValues(boot.ID), volumes: volume.New()}
}

// Caller is what a call gets from its host.
type Caller struct {
	// Environ is the host's environment at the time of the call, "KEY=value" each.
	Environ []string
	// Log, if not nil, receives one JSON object per event, on the goroutine that makes the call and
	// during the call.
	Log func(event []byte)
}

// Cancel cancels the request in progress with a requestId, and reports whether there is one. The
// request itself returns an error of kind cancelled, after undoing what it did.
func (e *Engine) Cancel(requestID string) bool { return e.running.cancel(requestID) }
