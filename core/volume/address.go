package volume

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Address is where a plugin listens.
type Address struct {
	Scheme string    // unix, tcp, http or https
	Path   string    // of the socket; only with unix
	Host   string    // not with unix
	Port   string    // a number
	TLS    *TLSFiles // settings of https; nil: verify with the system's certificates
}

// TLSFiles is the TLSConfig of a plugin's .json file.
type TLSFiles struct {
	InsecureSkipVerify bool
	CAFile             string
	CertFile           string
	KeyFile            string
}

// String returns the address in the form that ParseAddress takes.
func (a Address) String() string {
	if a.Scheme == schemeUnix {
		return schemeUnix + "://" + a.Path
	}
	return a.Scheme + "://" + net.JoinHostPort(a.Host, a.Port)
}

const (
	schemeUnix  = "unix"
	schemeTCP   = "tcp"
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

// IsAddress reports whether the text is an address and not a name.
func IsAddress(text string) bool { return strings.Contains(text, "://") }

// ParseAddress parses unix:///PATH, tcp://HOST:PORT, http://HOST[:PORT] or https://HOST[:PORT]. As
// in Docker, a path after the port is ignored.
func ParseAddress(text string) (Address, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(text), "://")
	if scheme == schemeUnix {
		return parseSocket(rest)
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return Address{}, fmt.Errorf("address %q: %w", text, err)
	}
	a := Address{Scheme: u.Scheme, Host: u.Hostname(), Port: u.Port()}
	switch a.Scheme {
	case schemeTCP:
	case schemeHTTP:
		a.Port = cmp.Or(a.Port, "80")
	case schemeHTTPS:
		a.Port = cmp.Or(a.Port, "443")
	default:
		return Address{}, fmt.Errorf("address %q: give unix:///PATH, tcp://HOST:PORT, "+
			"http://HOST:PORT or https://HOST:PORT", text)
	}
	if port, err := strconv.ParseUint(a.Port, 10, 16); err != nil || port == 0 || a.Host == "" ||
		u.User != nil {
		return Address{}, fmt.Errorf("address %q: not %s://HOST:PORT", text, a.Scheme)
	}
	return a, nil
}

func parseSocket(path string) (Address, error) {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return Address{}, fmt.Errorf("address unix://%s: the path of a socket must be absolute, such "+
			"as unix:///run/x.sock", path)
	}
	return Address{Scheme: schemeUnix, Path: path}, nil
}
