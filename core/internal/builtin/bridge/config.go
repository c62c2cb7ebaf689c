package bridge

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/builtin/ipamconfig"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

// config is the plugin's configuration.
type config struct {
	configKeys

	trunk []int // the VLANs of VLANTrunk, ascending
}

const (
	maxNameLength = 15 // IFNAMSIZ without the zero
	maxVLAN       = 4094
	emptyMTU      = 1500 // of a bridge without ports
)

// read decodes a configuration without validating it, so that DEL works with one that ADD
// refuses.
func read(data []byte) (*config, error) {
	c := &config{}
	if err := ipamconfig.Decode(data, c.fields()); err != nil {
		return nil, err
	}
	c.IsGateway = c.IsGateway || c.IsDefaultGateway
	c.fillDefaults()
	return c, nil
}

// parse reads a configuration for ADD and CHECK.
func parse(data []byte) (*config, error) {
	c, err := read(data)
	if err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.trunk, err = trunkVLANs(c.VLANTrunk)
	return c, err
}

// ReadConfig returns a *plan.
func (bridge) ReadConfig(inv *plugin.Invocation) (any, error) {
	c, err := parse(inv.Config)
	if err != nil {
		return nil, err
	}
	return newPlan(c, inv.Args)
}

func (c *config) validate() error {
	if len(c.Bridge) > maxNameLength || c.Bridge == "." || c.Bridge == ".." ||
		strings.ContainsAny(c.Bridge, "/: \t\n\v\f\r\x00%") {
		return fault.InvalidConfig("bridge", "bridge: %q cannot be the name of a link", c.Bridge)
	}
	if err := nft.CheckLinkName(c.Bridge); err != nil {
		return fault.InvalidConfig("bridge", "bridge: %q: %v; use another name", c.Bridge, err)
	}
	if err := c.Settings.Validate(); err != nil {
		return err
	}
	if c.HairpinMode && c.PromiscMode {
		return fault.InvalidConfig("promiscMode", "promiscMode and hairpinMode exclude each other")
	}
	if c.VLAN < 0 || c.VLAN > maxVLAN {
		return fault.InvalidConfig("vlan", "vlan: %d is not between 0 and %d", c.VLAN, maxVLAN)
	}
	if c.DisableContainerInterface && c.IPAM.Type != "" {
		return fault.InvalidConfig("disableContainerInterface",
			"disableContainerInterface and ipam exclude each other")
	}
	if name := c.gatewayLink(); c.IsGateway && len(name) > maxNameLength {
		return fault.InvalidConfig("bridge",
			"bridge: the gateway of vlan %d would be %q, which is too long for a link; use a shorter "+
				"bridge name", c.VLAN, name)
	}
	return nil
}

// gatewayLink returns the name of the link with the gateway addresses.
func (c *config) gatewayLink() string {
	if c.VLAN == 0 {
		return c.Bridge
	}
	return c.Bridge + "." + strconv.Itoa(c.VLAN)
}

func (c *config) filtersVLANs() bool { return c.VLAN != 0 || c.VLANTrunk != nil }

func trunkVLANs(items []trunkItem) ([]int, error) {
	if len(items) == 0 {
		return nil, nil
	}
	var member [maxVLAN + 1]bool
	for i, item := range items {
		key := fmt.Sprintf("vlanTrunk[%d]", i)
		if (item.MinID == nil) != (item.MaxID == nil) {
			return nil, fault.InvalidConfig(key, "%s: minID and maxID belong together", key)
		}
		for _, id := range []*int{item.MinID, item.MaxID, item.ID} {
			if id != nil && (*id < 1 || *id > maxVLAN) {
				return nil, fault.InvalidConfig(key, "%s: %d is not between 1 and %d", key, *id, maxVLAN)
			}
		}
		if item.ID != nil {
			member[*item.ID] = true
		}
		if item.MinID == nil {
			continue
		}
		if *item.MinID > *item.MaxID {
			return nil, fault.InvalidConfig(key, "%s: minID %d is greater than maxID %d", key, *item.MinID,
				*item.MaxID)
		}
		for id := *item.MinID; id <= *item.MaxID; id++ {
			member[id] = true
		}
	}
	var ids []int
	for id, is := range member {
		if is {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
