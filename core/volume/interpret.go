package volume

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
)

// activate performs the handshake, in which the plugin lists what it implements.
func (c *call) activate(ctx context.Context) error {
	h := &call{plugin: c.plugin, endpoint: endpointActivate, found: c.found}
	ctx, cancel := withTimeout(ctx, c.plugin.Activate)
	defer cancel()
	response, err := exchange(ctx, c.handshake, encode(c.found.Address, endpointActivate, nil),
		c.plugin.Header)
	if err != nil {
		e := h.noResponse(ctx, err)
		if errors.As(err, new(*malformedError)) {
			return h.fail(fault.KindNotAPlugin, nil, "%v", err)
		}
		return e
	}
	if text, failed := refusal(response); failed {
		return h.refused(fault.KindNotAPlugin, response.status, text)
	}
	var handshake struct{ Implements []string }
	if first, _ := split(response.body); json.Unmarshal(first, &handshake) != nil ||
		handshake.Implements == nil {
		return h.fail(fault.KindNotAPlugin, nil,
			"the response does not list what the plugin implements: %s", excerpt(response.body))
	}
	if !slices.Contains(handshake.Implements, driver) {
		return h.fail(fault.KindWrongPluginKind, nil, "the plugin implements %s and not %s",
			strings.Join(handshake.Implements, ", "), driver)
	}
	c.plugin.client.known.add(c.id)
	return nil
}

// interpret returns the JSON value of a response, or the plugin's error in either of the two forms
// that plugins use.
func (c *call) interpret(response *httpResponse) (json.RawMessage, error) {
	if text, failed := refusal(response); failed {
		return nil, c.refused(fault.KindVolumePluginFailed, response.status, text)
	}
	first, rest := split(response.body)
	switch {
	case first == nil:
		return nil, c.fail(fault.KindPluginProtocol, nil, "the response is not JSON: %s",
			excerpt(response.body))
	case len(bytes.TrimSpace(rest)) != 0:
		return nil, c.fail(fault.KindPluginProtocol, nil,
			"data follows the JSON object of the response: %s", excerpt(rest))
	case first[0] != '{' && !bytes.Equal(first, []byte("null")):
		return nil, c.fail(fault.KindPluginProtocol, nil, "the response is not a JSON object: %s",
			excerpt(first))
	}
	return first, nil
}

// refused returns the plugin's own error. The details hold its text unchanged.
func (c *call) refused(kind fault.Kind, status int, text string) error {
	e := c.fail(kind, nil, "%s", withStatus(status, clip(text, maxExcerpt)))
	e.Details = clip(text, maxText)
	e.VolumePlugin.Status = status
	return e
}

func withStatus(status int, text string) string {
	switch {
	case status == statusOK:
		return text
	case text == "":
		return "HTTP " + strconv.Itoa(status) + ", empty"
	default:
		return text + " (HTTP " + strconv.Itoa(status) + ")"
	}
}

const statusOK = 200

// refusal returns the plugin's text if the response is an error: an HTTP status other than 200, or
// Err in the JSON. If the body is not JSON, it is the text.
func refusal(response *httpResponse) (text string, failed bool) {
	var decoded struct{ Err string }
	first, _ := split(response.body)
	err := json.Unmarshal(first, &decoded)
	switch {
	case err == nil && decoded.Err != "":
		return decoded.Err, true
	case response.status == statusOK:
		return "", false
	case err == nil:
		return "", true
	default:
		return strings.TrimSpace(strings.ToValidUTF8(string(response.body), "\uFFFD")), true
	}
}

// split returns the first JSON value of a body, or nil, and the rest of the body.
func split(body []byte) (first json.RawMessage, rest []byte) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if decoder.Decode(&first) != nil {
		return nil, nil
	}
	return first, body[decoder.InputOffset():]
}

const (
	maxExcerpt = 1 << 10  // of a plugin's text in a message
	maxText    = 64 << 10 // in details
)

// excerpt returns the quoted beginning of a body.
func excerpt(body []byte) string {
	const shown = 80
	text := strings.TrimSpace(strings.ToValidUTF8(string(body[:min(len(body), 2*shown)]), "\uFFFD"))
	if text == "" {
		return "empty"
	}
	return strconv.Quote(clip(text, shown))
}

// clip shortens a text without splitting a character.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}
