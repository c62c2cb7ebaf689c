package firewalld

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Watch calls changed after each start and each reload of firewalld, which lose what was in its
// runtime configuration. Several that follow each other closely are one. It calls changed also once
// at the beginning, when it misses nothing anymore. Watch ends with the context, without an error,
// or with an error of the bus. firewalld need not run, but the bus must.
func Watch(ctx context.Context, socket string, changed func()) error {
	c, err := connect(ctx, socket)
	if err != nil {
		return err
	}
	defer c.Close()

	signals := make(chan *dbus.Signal, maxSignals)
	c.bus.Signal(signals)
	if err := c.subscribe(ctx); err != nil {
		return fmt.Errorf("system bus %s: %w", socket, failure(ctx, err))
	}
	for changed(); ; {
		select {
		case s, open := <-signals:
			if !open {
				return ended(ctx, socket)
			}
			if lost(s) {
				drain(signals)
				changed()
			}
		case <-c.bus.Context().Done():
			return ended(ctx, socket)
		}
	}
}

// maxSignals is the number of signals that may wait during a call of changed. One more is as good
// as these.
const maxSignals = 64

func (c *Conn) subscribe(ctx context.Context) error {
	return errors.Join(
		c.bus.AddMatchSignalContext(ctx, dbus.WithMatchSender(service),
			dbus.WithMatchInterface(service), dbus.WithMatchMember("Reloaded")),
		c.bus.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, service)))
}

// lost reports whether a signal says that firewalld has lost its runtime configuration: it was
// reloaded, or it is on the bus anew.
func lost(s *dbus.Signal) bool {
	switch s.Name {
	case service + ".Reloaded":
		return true
	case "org.freedesktop.DBus.NameOwnerChanged":
		return len(s.Body) == 3 && s.Body[0] == service && s.Body[2] != ""
	default:
		return false
	}
}

func drain(signals <-chan *dbus.Signal) {
	for {
		select {
		case _, open := <-signals:
			if !open {
				return
			}
		default:
			return
		}
	}
}

// ended returns the error of a connection that has ended: none if the context did it.
func ended(ctx context.Context, socket string) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("system bus %s: the connection was closed", socket)
}
