package core

import (
	"context"

	"github.com/libcni/libcni/core/internal/conf"
)

// NetworksRequest is the request of cni_networks.
type NetworksRequest struct {
	Common
}

// NetworksAnswer lists the networks of options.confDir; a bad file hides no other.
type NetworksAnswer struct {
	Networks []Network   `json:"networks"`
	Errors   []FileError `json:"errors"`
}

// Network is a network configuration found on disk.
type Network struct {
	Name       string   `json:"name"`
	CNIVersion string   `json:"cniVersion"`
	File       string   `json:"file"`
	Plugins    []string `json:"plugins"` // the types, in order
}

// Networks lists the networks of options.confDir.
func (e *Engine) Networks(ctx context.Context, caller Caller, r *NetworksRequest) (*NetworksAnswer, error) {
	return serve(ctx, e.incoming(caller, "", &r.Common), (*scope).networks)
}

func (s *scope) networks(context.Context) (*NetworksAnswer, error) {
	answer := &NetworksAnswer{Networks: []Network{}, Errors: []FileError{}}
	lists, bad := conf.Scan(s.request.Options.ConfDir)
	for _, list := range lists {
		network := Network{Name: list.Name, CNIVersion: list.CNIVersion, File: list.File, Plugins: []string{}}
		for _, p := range list.Plugins {
			network.Plugins = append(network.Plugins, p.Type)
		}
		answer.Networks = append(answer.Networks, network)
	}
	for _, b := range bad {
		answer.Errors = append(answer.Errors, FileError{File: b.File, Msg: b.Msg})
	}
	return answer, nil
}
