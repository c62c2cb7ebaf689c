package matrix

// A cell is one connection that is tried.
type cell struct{ source, target, family string }

// Sources. The target container is alone on its network with one more; a second network shares
// its bridge, a third one has a bridge of its own.
const (
	fromLAN          = "LAN"
	fromHost         = "host"
	fromLoopback     = "127.0.0.1" // of the host
	fromSameNetwork  = "same network"
	fromOtherNetwork = "other network"
	fromOtherBridge  = "other bridge"
	fromItself       = "itself"
)

// Targets. The port is published by all addresses of the host.
const (
	toContainer      = "container's address"
	toPortOnLAN      = "port by the LAN's address"
	toPortOnBridge   = "port by the bridge's address"
	toPortOnOther    = "port by the other bridge's address"
	toPortOnLoopback = "port by 127.0.0.1"
	toHostLoopback   = "host's service on 127.0.0.1"
	toLAN            = "service in the LAN"
)

func sources() []string {
	return []string{fromLAN, fromHost, fromLoopback, fromSameNetwork, fromOtherNetwork,
		fromOtherBridge, fromItself}
}

func targets() []string {
	return []string{toContainer, toPortOnLAN, toPortOnBridge, toPortOnOther, toPortOnLoopback,
		toHostLoopback, toLAN}
}

func families() []string { return []string{"IPv4", "IPv6"} }

// published reports whether the target is the published port.
func (c cell) published() bool {
	switch c.target {
	case toPortOnLAN, toPortOnBridge, toPortOnOther, toPortOnLoopback:
		return true
	}
	return false
}

// toLoopback reports whether the target is a loopback address.
func (c cell) toLoopback() bool {
	return c.target == toPortOnLoopback || c.target == toHostLoopback
}

// inContainer reports whether the source is a container.
func (c cell) inContainer() bool {
	switch c.source {
	case fromSameNetwork, fromOtherNetwork, fromOtherBridge, fromItself:
		return true
	}
	return false
}

// onHost reports whether the source is the host.
func (c cell) onHost() bool { return c.source == fromHost || c.source == fromLoopback }

// exists reports whether the connection can be tried: a loopback address is the source for all
// connections of the host to a loopback address, and for none that leave the host.
func (c cell) exists() bool {
	switch c.source {
	case fromLAN:
		return c.target != toLAN
	case fromHost:
		return !c.toLoopback()
	case fromLoopback:
		return c.target != toContainer && c.target != toLAN
	}
	return true
}

// cells returns all cells of a setting.
func cells() []cell {
	var all []cell
	for _, source := range sources() {
		for _, target := range targets() {
			for _, family := range families() {
				if c := (cell{source, target, family}); c.exists() {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

func (c cell) String() string { return c.source + " -> " + c.target + ", " + c.family }
