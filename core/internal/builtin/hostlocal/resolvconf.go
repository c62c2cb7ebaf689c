package hostlocal

import (
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
)

// maxResolvConf is far more than the C library reads.
const maxResolvConf = 1 << 20

// readResolvConf reads the DNS settings of a file in the format of resolv.conf(5).
func readResolvConf(path string) (types.DNS, error) {
	text, err := file.Read(path, maxResolvConf)
	if err != nil {
		e := fault.New(fault.KindState, err, "host-local: ipam.resolvConf")
		e.Details = "ipam.resolvConf"
		return types.DNS{}, e
	}
	return parseResolvConf(string(text)), nil
}

func parseResolvConf(text string) types.DNS {
	var dns types.DNS
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") ||
			strings.HasPrefix(fields[0], ";") {
			continue
		}
		switch fields[0] {
		case "nameserver":
			dns.Nameservers = append(dns.Nameservers, fields[1])
		case "domain":
			dns.Domain = fields[1]
		case "search":
			dns.Search = append(dns.Search, fields[1:]...)
		case "options":
			dns.Options = append(dns.Options, fields[1:]...)
		}
	}
	return dns
}
