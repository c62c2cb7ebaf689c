package core

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns"
	"github.com/libcni/libcni/core/internal/lifecycle"
)

// netnsDir is where iproute2 keeps named network namespaces.
const netnsDir = "/run/netns"

// NetnsCreate creates a network namespace, sets its loopback interface up and binds it to a file.
func (e *Engine) NetnsCreate(ctx context.Context, caller Caller,
	r *NetnsRequest) (*NetnsAnswer, error) {
	return e.serveNetns(ctx, caller, r, func(ctx context.Context, path string) error {
		if err := netns.Create(ctx, path); err != nil {
			return createError(path, err)
		}
		return nil
	})
}

// NetnsDelete unmounts a network namespace from its file and removes the file. The kernel destroys
// the namespace when nothing uses it.
func (e *Engine) NetnsDelete(ctx context.Context, caller Caller,
	r *NetnsRequest) (*NetnsAnswer, error) {
	return e.serveNetns(ctx, caller, r, func(ctx context.Context, path string) error {
		if err := netns.Delete(ctx, path); err != nil {
			return lifecycle.NamespaceError(path, err)
		}
		return nil
	})
}

// serveNetns serves a request about a namespace file.
func (e *Engine) serveNetns(ctx context.Context, caller Caller, r *NetnsRequest,
	work func(ctx context.Context, path string) error) (*NetnsAnswer, error) {
	return serve(ctx, e.incoming(caller, "", &r.Common),
		func(_ *scope, ctx context.Context) (*NetnsAnswer, error) {
			path, err := netnsPath(r.Name, r.Path)
			if err != nil {
				return nil, err
			}

			if err := work(ctx, path); err != nil {
				return nil, err
			}
			return &NetnsAnswer{Path: path}, nil
		})
}

func netnsPath(name, path string) (string, error) {
	switch {
	case name != "" && path != "":
		return "", fault.InvalidRequest("name", "name and path exclude each other")
	case name == "" && path == "":
		return "", fault.InvalidRequest("name",
			"name or path is required: give the name of the namespace, or a path")
	case path != "":
		return path, absolute(path)
	case name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 255:
		return "", fault.InvalidRequest("name",
			"name %q cannot be a file name: it must have at most 255 bytes, without / or NUL", name)
	default:
		return filepath.Join(netnsDir, name), nil
	}
}

func absolute(path string) error {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return fault.InvalidRequest("path", "path %q is not absolute", path)
	}
	return nil
}

func createError(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.KindExists, nil, "%s already exists", path)
	}
	return fault.From(err, fault.KindState)
}
