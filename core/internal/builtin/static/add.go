package static

import (
	"context"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/plugin"
)

// Add returns the configured addresses, routes and DNS settings.
func (p static) Add(_ context.Context, inv *plugin.Invocation) (*plugin.Result, error) {
	conf, err := plugin.Read[*config](p, inv)
	if err != nil {
		return nil, err
	}
	result := &types100.Result{
		CNIVersion: types100.ImplementedSpecVersion,
		Routes:     conf.routes,
		DNS:        conf.dns,
	}
	for _, a := range conf.addresses {
		result.IPs = append(result.IPs, &types100.IPConfig{
			Address: ipamconfig.IPNet(a.prefix),
			Gateway: a.gateway.AsSlice(),
		})
	}
	return plugin.NewResult(result), nil
}
