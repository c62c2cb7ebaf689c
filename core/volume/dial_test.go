package volume

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// secured starts a plugin on https and returns its address and a file with its certificate.
func secured(t *testing.T, clients tls.ClientAuthType) (address, caFile string) {
	t.Helper()
	netnstest.Host(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		if r.URL.Path == "/Plugin.Activate" {
			fmt.Fprint(w, `{"Implements":["VolumeDriver"]}`)
			return
		}
		fmt.Fprint(w, `{"Volumes":[{"Name":"v"}]}`)
	}))
	server.TLS = &tls.Config{ClientAuth: clients}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, ca, 0o644); err != nil {
		t.Fatal(err)
	}
	return server.URL, caFile
}

// Docker does not verify in the second, third and fourth case.
func TestTLSIsVerifiedUnlessTheFileSaysOtherwise(t *testing.T) {
	address, ca := secured(t, tls.NoClientCert)
	for _, test := range []struct {
		name, file, text string
		says             string // "": the plugin is reached
	}{
		{"with its certificate", "p.json", `{"Addr":"ADDR","TLSConfig":{"CAFile":"CA"}}`, ""},
		{"a .spec file", "p.spec", "ADDR", "certificate"},
		{"a .json file without TLSConfig", "p.json", `{"Addr":"ADDR"}`, "certificate"},
		{"a TLSConfig without CAFile", "p.json", `{"Addr":"ADDR","TLSConfig":{}}`, "certificate"},
		{"verification is turned off", "p.json",
			`{"Addr":"ADDR","TLSConfig":{"InsecureSkipVerify":true}}`, ""},
		{"a CAFile that is not there", "p.json",
			`{"Addr":"ADDR","TLSConfig":{"CAFile":"/nowhere/ca.pem"}}`, "/nowhere/ca.pem"},
		{"a CAFile without certificates", "p.json",
			`{"Addr":"ADDR","TLSConfig":{"CAFile":"/etc/hostname"}}`, "contains no certificate"},
		{"a key that is not there", "p.json",
			`{"Addr":"ADDR","TLSConfig":{"CAFile":"CA","CertFile":"CA","KeyFile":"/nowhere/key"}}`,
			"/nowhere/key"},
		{"http to a server of https", "p.spec", "HTTPADDR", "HTTP 400"},
	} {
		// No subtests: they would run on other threads, outside this network namespace.
		text := strings.NewReplacer("HTTPADDR", strings.Replace(address, "https", "http", 1), "ADDR",
			address, "CA\"", ca+"\"").Replace(test.text)
		text = strings.NewReplacer(`"CAFile":"CA"`, `"CAFile":"`+ca+`"`).Replace(text)
		if test.name == "a CAFile without certificates" {
			text = strings.Replace(text, "/etc/hostname", writeFile(t, "nothing"), 1)
		}
		dir := layout(t, map[string]string{test.file: text})
		volumes, err := New().Plugin("p", Settings{Dirs: []string{dir}}).List(context.Background())
		switch {
		case test.says == "" && (err != nil || len(volumes) != 1):
			t.Errorf("%s: %v, %v", test.name, volumes, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v; want an error that says %q", test.name, err, test.says)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Variables for proxies, which net/http would heed, lead nowhere here.
func TestProxiesOfTheEnvironmentDoNotCount(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	t.Setenv("SSL_CERT_FILE", "/nowhere")
	address, ca := secured(t, tls.NoClientCert)
	dir := layout(t, map[string]string{"p.json": fmt.Sprintf(`{"Addr":%q,"TLSConfig":{"CAFile":%q}}`,
		address, ca)})
	if _, err := New().Plugin("p",
		Settings{Dirs: []string{dir}}).List(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestInHosts(t *testing.T) {
	const hosts = "127.0.0.1 localhost\n# 1.1.1.1 store\n10.0.0.1\tother Store # 10.0.0.9 " +
		"x\nfd00::1 store\nbad store\n10.0.0.2\n"
	want := []string{"10.0.0.1", "fd00::1"}
	var got []string
	for _, ip := range inHosts([]byte(hosts), "STORE") {
		got = append(got, ip.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
}

// A call is made in the namespaces of its thread: the socket of a private mount namespace, the
// server of a private network namespace.
func TestCallsAreMadeInTheNamespacesOfTheirThread(t *testing.T) {
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"Implements":["VolumeDriver"],"Volumes":[]}`)
	})
	client, dir := New(), t.TempDir()
	netnstest.Host(t) // locks the thread
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go serveHTTP(listener, plain)
	defer listener.Close()
	address := "tcp://" + listener.Addr().String()
	if _, err := client.Plugin(address, Settings{}).List(context.Background()); err != nil {
		t.Errorf("in the server's network namespace: %v", err)
	}

	inside := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := syscall.Unshare(
			syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_FS); err != nil {
			inside <- err
			return
		}
		if err := errors.Join(syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""),
			syscall.Mount("tmpfs", dir, "tmpfs", 0, "")); err != nil {
			inside <- err
			return
		}
		// The socket is made on this thread, and so in its mount namespace.
		hidden, err := net.Listen("unix", filepath.Join(dir, "hidden.sock"))
		if err != nil {
			inside <- err
			return
		}
		defer hidden.Close()
		go serveHTTP(hidden, plain)
		if _, err := client.Plugin("hidden",
			Settings{Dirs: []string{dir}}).List(context.Background()); err != nil {
			inside <- fmt.Errorf("in the socket's mount namespace: %w", err)
			return
		}
		// Known from the other network namespace, and yet not there.
		if _, err := client.Plugin(address, Settings{}).List(context.Background()); !isKind(err,
			fault.KindVolumePluginUnreachable) {
			inside <- fmt.Errorf("outside the server's network namespace: %v", err)
			return
		}
		inside <- nil
	}()
	if err := <-inside; err != nil {
		t.Error(err)
	}
	if _, err := client.Plugin("hidden",
		Settings{Dirs: []string{dir}}).List(context.Background()); !isKind(err,
		fault.KindVolumePluginNotFound) {
		t.Errorf("outside the socket's mount namespace: %v", err)
	}
}

func isKind(err error, kind fault.Kind) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind == kind
}

// The DNS is asked through sockets that the calling goroutine makes. There is no server in this
// namespace: the error comes from the resolver, and in time.
func TestNamesAreAskedOfTheDNS(t *testing.T) {
	netnstest.Host(t)
	if ips, err := resolve(context.Background(), "LOCALHOST"); err != nil || len(ips) == 0 ||
		!ips[0].IsLoopback() {
		t.Errorf("localhost: %v, %v", ips, err)
	}
	if ips, err := resolve(context.Background(), "::1"); err != nil || ips[0] != netip.IPv6Loopback() {
		t.Errorf("::1: %v, %v", ips, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := resolve(ctx, "plugin.example"); err == nil || !strings.Contains(err.Error(),
		"plugin.example") {
		t.Errorf("cancelled: %v", err)
	}
}

func TestHandshakesAreForgottenBeforeTheyAreTooMany(t *testing.T) {
	h := newHandshakes()
	for i := range 10 * maxKnown {
		h.add(identity{address: fmt.Sprint(i)})
		if !h.has(identity{address: fmt.Sprint(i)}) {
			t.Fatalf("%d is not known", i)
		}
	}
	if n := len(h.scopes); n > maxKnown {
		t.Errorf("%d are known", n)
	}
}

// serveHTTP serves until the listener is closed.
func serveHTTP(listener net.Listener, handler http.Handler) { _ = http.Serve(listener, handler) }
