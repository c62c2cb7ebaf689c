package hostlocal

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/kit/ipam"
	"github.com/libcni/libcni/core/plugin"
)

type config struct {
	sets       []rangeSet // one address is given from each
	routes     []*types.Route
	dataDir    string
	resolvConf string
	requested  []netip.Addr // per set; invalid: any address
}

// single returns the range of a configuration in the old form.
func (c *rawIPAM) single() rawRange {
	return rawRange{
		Subnet:     c.Subnet,
		RangeStart: c.RangeStart,
		RangeEnd:   c.RangeEnd,
		Gateway:    c.Gateway,
	}
}

// readConfig decodes a configuration, which must have the object "ipam".
func readConfig(data []byte) (*rawConfig, error) {
	raw := &rawConfig{}
	if err := ipamconfig.Decode(data, raw.fields()); err != nil {
		return nil, err
	}
	if raw.IPAM == nil {
		return nil, fault.InvalidConfig("ipam", "host-local: the configuration has no \"ipam\"")
	}
	return raw, nil
}

// parseConfig reads and validates everything that an ADD needs, so that only the store can fail
// afterwards.
func parseConfig(data []byte, args plugin.Args, cniVersion string) (*config, error) {
	raw, err := readConfig(data)
	if err != nil {
		return nil, err
	}
	conf := &config{dataDir: raw.IPAM.DataDir, resolvConf: raw.IPAM.ResolvConf}
	if conf.sets, err = parseSets(raw); err != nil {
		return nil, err
	}
	if err := checkSets(conf.sets, cniVersion); err != nil {
		return nil, err
	}
	if conf.routes, err = ipamconfig.Routes("ipam.routes", raw.IPAM.Routes); err != nil {
		return nil, err
	}
	wanted, err := parseWanted(raw, args)
	if err != nil {
		return nil, err
	}
	conf.requested, err = assign(wanted, conf.sets)
	return conf, err
}

// ReadConfig returns a *config.
func (*hostLocal) ReadConfig(inv *plugin.Invocation) (any, error) {
	return parseConfig(inv.Config, inv.Args, inv.CNIVersion)
}

// parseDataDir reads the only key that DEL and GC need, so that they work if the rest is invalid.
func parseDataDir(data []byte) (string, error) {
	var dataDir string
	err := ipamconfig.Decode(data,
		jsonobject.Fields{{"ipam", jsonobject.Fields{{"dataDir", &dataDir}}}})
	return dataDir, err
}

// directory returns the directory of a network's leases. The network's name becomes part of a path,
// and is validated again after the engine.
func directory(dataDir, network string) (string, error) {
	if network == "" || network == "." || network == ".." || strings.ContainsAny(network, "/\x00") {
		return "", fault.InvalidConfig("name", "host-local: %q is not a valid name of a network",
			network)
	}
	ipam := rawIPAM{DataDir: dataDir}
	ipam.fillDefaults()
	if strings.ContainsRune(ipam.DataDir, 0) {
		return "", fault.InvalidConfig("ipam.dataDir",
			"host-local: ipam.dataDir: %q is not a valid path", ipam.DataDir)
	}
	return filepath.Join(ipam.DataDir, network), nil
}

// parseSets returns the range sets in the order in which the executable numbers them: those of the
// runtime, the one in the old form, then "ranges". The number is part of the name of the file with
// the last address given.
func parseSets(raw *rawConfig) ([]rangeSet, error) {
	var sets []rangeSet
	add := func(key string, set []rawRange) error {
		parsed, err := newRangeSet(key, set)
		sets = append(sets, parsed)
		return err
	}
	for i, set := range raw.RuntimeConfig.IPRanges {
		if err := add(fmt.Sprintf("runtimeConfig.ipRanges[%d]", i), set); err != nil {
			return nil, err
		}
	}
	if raw.IPAM.Subnet != "" {
		single, err := newRange("ipam", raw.IPAM.single())
		if err != nil {
			return nil, err
		}
		sets = append(sets, rangeSet{single})
		if err := sets[len(sets)-1].checkAllocatable("ipam"); err != nil {
			return nil, err
		}
	}
	for i, set := range raw.IPAM.Ranges {
		if err := add(fmt.Sprintf("ipam.ranges[%d]", i), set); err != nil {
			return nil, err
		}
	}
	if len(sets) > ipam.MaxAddresses {
		return nil, fault.InvalidConfig("ipam.ranges",
			"host-local: %d range sets, from each of which an interface gets an address; at most %d "+
				"are supported", len(sets), ipam.MaxAddresses)
	}
	if len(sets) == 0 {
		return nil, fault.InvalidConfig("ipam.ranges",
			"host-local: no IP ranges specified: set ipam.ranges or ipam.subnet")
	}
	return sets, nil
}

func checkSets(sets []rangeSet, cniVersion string) error {
	var starts []netip.Addr
	for _, set := range sets {
		starts = append(starts, set[0].start)
	}
	if a, b, found := overlap(sets); found {
		return fault.InvalidConfig("ipam.ranges",
			"host-local: range set %d (%s) overlaps with %d (%s)", a.set, sets[a.set], b.set, sets[b.set])
	}
	return ipamconfig.CheckCount(cniVersion, starts)
}

// parseWanted returns the requested addresses of CNI_ARGS, args and runtimeConfig together.
func parseWanted(raw *rawConfig, args plugin.Args) ([]netip.Addr, error) {
	if err := args.Known(plugin.ArgIP); err != nil {
		return nil, err
	}
	var wanted []netip.Addr
	var known map[netip.Addr]bool
	add := func(key string, texts ...string) error {
		for _, text := range texts {
			addr, err := ipamconfig.AddressOrPrefix(key, text)
			if err != nil {
				return err
			}
			if !known[addr] {
				if known == nil {
					known = map[netip.Addr]bool{}
				}
				known[addr] = true
				wanted = append(wanted, addr)
			}
		}
		return nil
	}
	if text, _ := args.Get(plugin.ArgIP); text != "" {
		if err := add("CNI_ARGS IP", text); err != nil {
			return nil, err
		}
	}
	if err := add("args.cni.ips", raw.Args.CNI.IPs...); err != nil {
		return nil, err
	}
	return wanted, add("runtimeConfig.ips", raw.RuntimeConfig.IPs...)
}

// assign assigns each range set the first wanted address that it contains.
func assign(wanted []netip.Addr, sets []rangeSet) ([]netip.Addr, error) {
	assigned := make([]netip.Addr, len(sets))
	if len(wanted) == 0 {
		return assigned, nil
	}
	ranges := sortedRanges(sets...)
	var left []netip.Addr
	for _, addr := range wanted {
		in, found := ranges.find(addr)
		if !found || assigned[in.set].IsValid() {
			left = append(left, addr)
			continue
		}
		if in.gateway == addr {
			return nil, fault.InvalidRequest("ips",
				"host-local: requested ip %s is subnet's gateway", addr)
		}
		assigned[in.set] = addr
	}
	if len(left) > 0 {
		return nil, fault.InvalidRequest(
			"ips",
			"host-local: failed to allocate all requested IPs: %s: each needs a range set of its own (%s)",
			joined(left, ", "),
			joined(sets, ", "),
		)
	}
	return assigned, nil
}
