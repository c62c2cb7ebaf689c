// Command volumeplugin is a volume plugin made with Docker's go-plugins-helpers that misbehaves on
// request:
//
//	volumeplugin -listen unix:/run/x.sock -root DIR [-scope global] [-log FILE]
//		[-fault ENDPOINT=FAULT ...]
//
// It prints "ready ADDRESS" when it listens. Each request goes to the log, one JSON object a line,
// and then to the helpers' handler, unless there is a fault for its endpoint (Mount, or Activate);
// see faults.go for their names.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/docker/go-plugins-helpers/volume"
)

func main() {
	listen := flag.String("listen", "", "unix:PATH or tcp:HOST:PORT")
	root := flag.String("root", "", "directory of the volumes")
	scope := flag.String("scope", "local", "of the volumes")
	log := flag.String("log", "", "file that requests are written to")
	faults := faultFlags{}
	flag.Var(faults, "fault", "ENDPOINT=FAULT; may be repeated")
	flag.Parse()
	if err := serve(*listen, *root, *scope, *log, faults); err != nil {
		fmt.Fprintln(os.Stderr, "volumeplugin:", err)
		os.Exit(1)
	}
}

func serve(listen, root, scope, log string, faults faultFlags) error {
	network, address, _ := strings.Cut(listen, ":")
	listener, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	well, err := wellBehaved(root, newDriver(root, scope))
	if err != nil {
		return err
	}
	journal := io.Discard
	if log != "" {
		if journal, err = os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return err
		}
	}
	fmt.Println("ready", listener.Addr())
	return http.Serve(listener, &front{faults: faults, journal: journal, well: well})
}

// wellBehaved serves the driver with the helpers' own server, and returns a way to it.
func wellBehaved(root string, driver volume.Driver) (http.Handler, error) {
	dir := root + ".inner"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", dir+"/inner.sock")
	if err != nil {
		return nil, err
	}
	go volume.NewHandler(driver).Serve(listener)
	inner := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", dir+"/inner.sock")
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", "inner", ""
		answer, err := inner.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
	}), nil
}

// front sees each request first.
type front struct {
	faults  faultFlags
	well    http.Handler
	mu      sync.Mutex
	journal io.Writer
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, endpoint, _ := strings.Cut(r.URL.Path, ".")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.note(r, body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	fault := f.faults.take(endpoint)
	switch {
	case fault == "":
		f.well.ServeHTTP(w, r)
	case strings.HasPrefix(fault, "done-"): // does what it is asked, and misbehaves then
		f.well.ServeHTTP(httptest.NewRecorder(), r)
		misbehave(w, strings.TrimPrefix(fault, "done-"))
	default:
		misbehave(w, fault)
	}
}

func (f *front) note(r *http.Request, body []byte) {
	line, err := json.Marshal(map[string]any{
		"method": r.Method, "path": r.URL.Path, "host": r.Host, "accept": r.Header.Get("Accept"),
		"contentType": r.Header.Get("Content-Type"), "length": r.ContentLength, "body": string(body),
	})
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.journal.Write(append(line, '\n'))
}
