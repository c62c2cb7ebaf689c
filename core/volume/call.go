package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"github.com/libcni/libcni/core/internal/fault"
)

// The endpoints.
const (
	endpointActivate = "Plugin.Activate"
	driver           = "VolumeDriver"
)

// call is one request to a plugin.
type call struct {
	plugin   *Plugin
	endpoint string
	volume   string // the volume of the request; may be ""
	body     []byte

	found     Found
	id        identity
	handshake net.Conn // nil if the plugin is known
	conn      net.Conn
	sent      bool // the plugin may have received the request
}

// newCall returns a call of a method of VolumeDriver.
func (p *Plugin) newCall(method, volume string, request any) (*call, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return &call{plugin: p, endpoint: driver + "." + method, volume: volume, body: body}, nil
}

// connect locates the plugin and connects to it, with a second connection if a handshake is due. It
// retries for as long as the settings allow. It sends nothing. It must run on the goroutine that
// makes the call.
func (c *call) connect(ctx context.Context) error {
	started := time.Now()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := c.tryConnect(ctx)
		if err == nil || !isTransient(err) || time.Since(started)+wait > c.plugin.Retry {
			return err
		}
		if !pause(ctx, wait) {
			return c.ended(ctx, context.Cause(ctx))
		}
	}
}

// isTransient reports whether the error may disappear when the plugin has started.
func isTransient(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.Kind == fault.KindVolumePluginNotFound ||
		e.Kind == fault.KindVolumePluginUnreachable)
}

func (c *call) tryConnect(ctx context.Context) error {
	var err error
	if c.found, err = c.plugin.locate(c.plugin.target); err != nil {
		return c.notLocated(err)
	}
	// If the plugin replaces its socket meanwhile, the identity may belong to one socket and the
	// connection to the other.
	for range 3 {
		c.id = identify(c.found.Address)
		if err := c.dial(ctx); err != nil {
			c.close()
			return err
		}
		if identify(c.found.Address) == c.id {
			return nil
		}
		c.close()
	}
	return c.fail(fault.KindVolumePluginUnreachable, nil,
		"gave up after 3 attempts: its socket was replaced during each")
}

func (c *call) dial(ctx context.Context) error {
	ctx, cancel := withTimeout(ctx, c.plugin.Connect)
	defer cancel()
	var err error
	if c.plugin.Reload || !c.plugin.client.known.has(c.id) {
		if c.handshake, err = dial(ctx, c.found.Address); err != nil {
			return c.notConnected(ctx, err)
		}
	}
	if c.conn, err = dial(ctx, c.found.Address); err != nil {
		return c.notConnected(ctx, err)
	}
	return nil
}

// errStepTimeout ends a context that bounds a part of a call.
var errStepTimeout = errors.New("the time limit of this step expired")

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d, errStepTimeout)
}

func (c *call) notConnected(ctx context.Context, err error) error {
	c.plugin.client.known.forget(c.found.Address.String())
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errStepTimeout) {
		return c.ended(ctx, context.Cause(ctx))
	}
	if errors.Is(err, syscall.EINVAL) && c.found.Address.Scheme == schemeUnix {
		return c.fail(fault.KindVolumePluginUnreachable, err, "connect (a socket path has at most "+
			"107 bytes)")
	}
	return c.fail(fault.KindVolumePluginUnreachable, err, "connect")
}

func (c *call) close() {
	for _, conn := range []net.Conn{c.handshake, c.conn} {
		if conn != nil {
			conn.Close()
		}
	}
	c.handshake, c.conn = nil, nil
}

// run performs the handshake if it is due, sends the request and reads the response. It closes the
// connections.
func (c *call) run(ctx context.Context) (json.RawMessage, error) {
	defer c.close()
	if c.handshake != nil {
		if err := c.activate(ctx); err != nil {
			return nil, err
		}
	}
	c.sent = true
	request := encode(c.found.Address, c.endpoint, c.body)
	response, err := exchange(ctx, c.conn, request, c.plugin.Header)
	if err != nil {
		return nil, c.noResponse(ctx, err)
	}
	return c.interpret(response)
}

// do connects and runs.
func (c *call) do(ctx context.Context) (json.RawMessage, error) {
	if err := c.connect(ctx); err != nil {
		return nil, err
	}
	return c.run(ctx)
}

// noResponse returns the error for a request without a response. The plugin may have carried it
// out.
func (c *call) noResponse(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return c.ended(ctx, err)
	case errors.Is(err, errHeaderTimeout), errors.Is(err, errStepTimeout):
		return c.fail(fault.KindTimeout, nil, "%v", err)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		c.plugin.client.known.forget(c.found.Address.String())
		return c.fail(fault.KindPluginProtocol, err, "%v; whether the plugin carried it out is unknown",
			errNoResponse)
	case errors.Is(err, errNoResponse), errors.Is(err, errIncomplete):
		c.plugin.client.known.forget(c.found.Address.String())
		return c.fail(fault.KindPluginProtocol, nil, "%v; whether the plugin carried it out is unknown",
			err)
	default:
		return c.fail(fault.KindPluginProtocol, nil, "%v", err)
	}
}

// notLocated returns the error for a plugin without an address.
func (c *call) notLocated(err error) error {
	var file *fileError
	switch {
	case errors.Is(err, errNoPlugin):
		return c.fail(fault.KindVolumePluginNotFound, nil, "no NAME.sock, NAME.spec or NAME.json in %v",
			c.plugin.Dirs)
	case errors.As(err, &file):
		if errors.Is(err, fs.ErrPermission) {
			return c.fail(fault.KindVolumePluginUnreachable, err, "the plugin's file cannot be read")
		}
		return c.fail(fault.KindNotAPlugin, nil, "%v", err)
	default:
		return fault.InvalidRequest("plugin", "plugin: %v", err)
	}
}

// ended returns the error for a context that is done: the deadline of the call, or its
// cancellation.
func (c *call) ended(ctx context.Context, cause error) error {
	what := "nothing was sent yet"
	if c.sent {
		what = "whether the plugin carried it out is unknown"
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return c.fail(fault.KindCancelled, nil, "the call was cancelled; %s", what)
	}
	if errors.Is(cause, errStepTimeout) {
		return c.fail(fault.KindTimeout, nil, "%v; %s", errStepTimeout, what)
	}
	return c.fail(fault.KindTimeout, nil, "the deadline of the call passed; %s", what)
}

// messageLimit is the number of bytes of a message: a plugin may put anything into its response.
const messageLimit = 16 << 10

// fail returns an error that names the plugin, the endpoint and the volume.
func (c *call) fail(kind fault.Kind, cause error, format string, args ...any) *fault.Error {
	e := fault.New(kind, cause, "%s: %s", c.subject(),
		fault.Limit(fmt.Sprintf(format, args...), messageLimit))
	e.Volume = c.volume
	e.VolumePlugin = &fault.VolumePlugin{Name: c.found.Name, Endpoint: c.endpoint}
	if e.VolumePlugin.Name == "" && !IsAddress(c.plugin.target) {
		e.VolumePlugin.Name = c.plugin.target
	}
	if c.found.Address.Scheme != "" {
		e.VolumePlugin.Address = c.found.Address.String()
	}
	return e
}

// subject returns the beginning of an error's message.
func (c *call) subject() string {
	text := "volume plugin " + c.plugin.target
	if c.found.Address.Scheme != "" && c.found.Address.String() != c.plugin.target {
		text += " at " + c.found.Address.String()
	}
	text += ": " + c.endpoint
	if c.volume != "" {
		text += " of " + c.volume
	}
	return text
}
