// Package firewalld manages the sources of firewalld's zones over D-Bus. It changes the runtime
// configuration, which lasts until firewalld is reloaded.
package firewalld

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// SystemBus is the socket of the system's bus.
const SystemBus = "/run/dbus/system_bus_socket"

// ErrNotRunning says that firewalld is not on the bus, or that no bus runs.
var ErrNotRunning = errors.New("firewalld is not running")

const (
	service = "org.fedoraproject.FirewallD1"
	path    = "/org/fedoraproject/FirewallD1"
	zone    = service + ".zone"
)

// Conn is a connection to firewalld. Not safe for concurrent use.
type Conn struct {
	bus     *dbus.Conn
	release func() bool
}

// Open connects to the firewalld on the bus with that socket, or returns ErrNotRunning. It opens
// the socket on the calling goroutine, in its network and mount namespaces. The caller closes the
// connection, which also ends with the context.
func Open(ctx context.Context, socket string) (*Conn, error) {
	c, err := connect(ctx, socket)
	if err != nil {
		return nil, err
	}
	if err := c.present(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// connect connects to the bus.
func connect(ctx context.Context, socket string) (*Conn, error) {
	if _, err := os.Stat(socket); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", socket, ErrNotRunning)
	}
	raw, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", socket, ErrNotRunning)
	} else if err != nil {
		return nil, fmt.Errorf("system bus: %w", err)
	}
	// The greeting, and a write to a bus that reads nothing, do not end with the context otherwise.
	release := context.AfterFunc(ctx, func() { raw.Close() })
	c, err := greet(ctx, raw.(*net.UnixConn), release)
	if err != nil {
		release()
		raw.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("system bus %s: %w", socket, err)
	}
	return c, nil
}

func greet(ctx context.Context, raw *net.UnixConn, release func() bool) (*Conn, error) {
	bus, err := dbus.DialUnix(raw, dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	if err := bus.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}); err != nil {
		return nil, err
	}
	return &Conn{bus, release}, bus.Hello()
}

func (c *Conn) present(ctx context.Context) error {
	var owned bool
	call := c.bus.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, service)
	if err := call.Store(&owned); err != nil {
		return fmt.Errorf("system bus: %w", failure(ctx, err))
	}
	if !owned {
		return fmt.Errorf("system bus: %w", ErrNotRunning)
	}
	return nil
}

// Close closes the connection.
func (c *Conn) Close() {
	c.release()
	_ = c.bus.Close() // nothing was waiting to be written
}

// AddSource adds the address to the sources of the zone. It succeeds if it is one already, and
// fails if it is a source of another zone.
func (c *Conn) AddSource(ctx context.Context, zoneName string, address netip.Addr) error {
	err := c.call(ctx, "addSource", zoneName, address, new(string))
	if code(err) == "ALREADY_ENABLED" {
		return nil
	}
	// the version decides which of the two it is
	if code(err) == "ZONE_ALREADY_SET" || code(err) == "ZONE_CONFLICT" {
		// Some versions report this for the zone itself.
		if there, failed := c.HasSource(ctx, zoneName, address); there || failed != nil {
			return failed
		}
	}
	return err
}

// RemoveSource removes the address from the sources of the zone. It succeeds if it is not one.
func (c *Conn) RemoveSource(ctx context.Context, zoneName string, address netip.Addr) error {
	err := c.call(ctx, "removeSource", zoneName, address, new(string))
	switch code(err) {
	case "NOT_ENABLED", "UNKNOWN_SOURCE", "INVALID_ZONE", "ZONE_CONFLICT":
		return nil
	}
	return err
}

// HasSource reports whether the address is a source of the zone.
func (c *Conn) HasSource(ctx context.Context, zoneName string, address netip.Addr) (bool, error) {
	var there bool
	err := c.call(ctx, "querySource", zoneName, address, &there)
	return there, err
}

func (c *Conn) call(ctx context.Context, method, zoneName string, address netip.Addr,
	answer any) error {
	source := netip.PrefixFrom(address, address.BitLen()).String()
	call := c.bus.Object(service, path).CallWithContext(ctx, zone+"."+method, 0, zoneName, source)
	if err := call.Store(answer); err != nil {
		return fmt.Errorf("firewalld zone %s: %s %s: %w", zoneName, method, source, failure(ctx, err))
	}
	return nil
}

// failure returns the error of a context that has ended instead of its effect on the connection.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// code returns the name at the beginning of an error of firewalld, "" for other errors.
func code(err error) string {
	var e dbus.Error
	if !errors.As(err, &e) || len(e.Body) == 0 {
		return ""
	}
	text, _ := e.Body[0].(string)
	name, _, _ := strings.Cut(text, ":")
	return name
}
