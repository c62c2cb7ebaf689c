package volume

import (
	"context"
	"encoding/json"
)

// Listing is the response of one of several plugins.
type Listing struct {
	Found
	Volumes []Volume
	Err     error // the plugin did not respond; its volumes are unknown
}

// ListAll lists the volumes of all plugins that it finds, in parallel, and returns when all have
// responded or the context is done. It connects to the plugins one after another, on the calling
// goroutine, and does not retry.
func (c *Client) ListAll(ctx context.Context, settings Settings) ([]Listing, []error) {
	settings.Retry = 0
	found, bad := Discover(settings)
	read := func(call *call, response json.RawMessage, l *Listing) {
		l.Volumes, l.Err = call.volumes(response)
	}
	return callEach(ctx, c, settings, found, "List", read), bad
}

// ActivateAll repeats the handshake with all plugins that it finds, in parallel.
func (c *Client) ActivateAll(ctx context.Context, settings Settings) ([]Listing, []error) {
	settings.Retry, settings.Reload = 0, true
	found, bad := Discover(settings)
	return callEach(ctx, c, settings, found, "", nil), bad
}

// callEach makes the same call to several plugins. Without a method it only performs the handshake.
func callEach(ctx context.Context, client *Client, settings Settings, found []Found, method string,
	read func(*call, json.RawMessage, *Listing)) []Listing {
	listings := make([]Listing, len(found))
	done := make(chan struct{})
	for i := range found {
		l := &listings[i]
		l.Found = found[i]
		c := &call{plugin: client.Plugin(l.Name, settings), endpoint: driver + "." + method,
			body: []byte("{}"), found: l.Found}
		if method == "" {
			c.endpoint = endpointActivate
		}
		l.Err = c.connect(ctx)
		go func() {
			defer func() { done <- struct{}{} }()
			if l.Err != nil {
				return
			}
			if read == nil {
				defer c.close()
				l.Err = c.activate(ctx)
				return
			}
			response, err := c.run(ctx)
			if l.Err = err; err == nil {
				read(c, response, l)
			}
		}()
	}
	for range found {
		<-done
	}
	return listings
}
