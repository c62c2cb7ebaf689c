package core

import (
	"context"

	"github.com/libcni/libcni/core/internal/conf"
)

// Networks lists the networks of options.confDir.
func (e *Engine) Networks(ctx context.Context, caller Caller,
	r *NetworksRequest) (*NetworksAnswer, error) {
	return serve(ctx, e.incoming(caller, "", &r.Common), (*scope).networks)
}

func (s *scope) networks(context.Context) (*NetworksAnswer, error) {
	answer := &NetworksAnswer{Networks: []Network{}, Errors: []FileError{}}
	lists, bad, err := conf.Scan(s.request.Options.ConfDir)
	if err != nil {
		return nil, err
	}

	for _, list := range lists {
		network := Network{Name: list.Name, CNIVersion: list.CNIVersion, File: list.File,
			Plugins: []string{}}
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
