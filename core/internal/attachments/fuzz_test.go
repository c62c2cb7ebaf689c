package attachments_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/attachments"
	"github.com/libcni/libcni/core/internal/must"
)

// FuzzCacheFile holds that whatever is in a cache file: reading it is an entry of that name or
// none, an entry is written so that it is read the same, and Remove leaves nothing but another
// attachment's file.
func FuzzCacheFile(f *testing.F) {
	for _, content := range unusable(f) {
		f.Add([]byte(content))
	}
	seeds, err := filepath.Glob("testdata/go-libcni/results/*")
	must.Succeed(f, err)
	for _, seed := range seeds {
		data, err := os.ReadFile(seed)
		must.Succeed(f, err)
		f.Add(data)
	}
	f.Add(
		[]byte(
			`{"kind":"cniCacheV1","containerId":"c1","ifName":"eth0","networkName":"web","libcni":{"netnsCookie":1,"plugins":[{"type":"bridge","builtin":true}]}}`))
	f.Add([]byte(`{"kind":"cniCacheV1","containerId":"c","ifName":"1-eth0","networkName":"web"}`))
	f.Add(
		[]byte(
			`{"Kind":"cniCacheV1","containerid":"c1","IFNAME":"eth0","networkName":"web","capabilityArgs":{"a":null}}`))
	dir := f.TempDir()
	s := storeIn(dir)
	must.Succeed(f, s.Commit(entry("c1"))) // makes the directories
	path := filepath.Join(dir, "cache", "results", "web-c1-eth0")
	f.Fuzz(func(t *testing.T, data []byte) {
		must.Succeed(t, os.WriteFile(path, data, 0o600))
		e, err := s.Get(web("c1"))
		switch {
		case err == nil:
			checkEntry(t, s, e)
		case !errors.Is(err, fs.ErrNotExist):
			t.Fatalf("get: %v", err)
		}
		listed, _, _ := s.List()
		if err == nil && (len(listed) != 1 || listed[0].Key != web("c1")) {
			t.Fatalf("got, but listed as %v", listed)
		}
		must.Succeed(t, s.Remove(web("c1")))
		wantNone(t, s, web("c1"))
		for _, e := range listed {
			must.Succeed(t, s.Remove(e.Key))
		}
		if _, err := os.Lstat(path); err == nil {
			must.Succeed(t, os.Remove(path)) // another attachment's, of the same file name
		}
	})
}

func checkEntry(t *testing.T, s *attachments.Store, e *attachments.Entry) {
	if e.Key != web("c1") || e.Incomplete {
		t.Fatalf("got %+v", e)
	}
	if e.ByGoLibcni && (e.Owner != "" || e.Cookie != 0 || e.Created != 0 || e.Plugins != nil) {
		t.Fatalf("foreign, with keys of ours: %+v", e)
	}
	if e.Config != nil && !json.Valid(e.Config) {
		t.Fatalf("configuration that is not JSON: %q", e.Config)
	}
	must.Succeed(t, s.Commit(e))
	again, err := s.Get(e.Key)
	must.Succeed(t, err)
	if diff := cmp.Diff(normal(e), normal(again)); diff != "" {
		t.Fatalf("written and read (-want +got)\n%s", diff)
	}
}

// normal is e without what writing may change: white space, empty for none, and that we have
// written it.
func normal(e *attachments.Entry) *attachments.Entry {
	n := *e
	n.ByGoLibcni, n.Modified = false, time.Time{}
	if len(n.Args) == 0 {
		n.Args = nil
	}
	if len(n.Plugins) == 0 {
		n.Plugins = nil
	}
	for i := range n.Plugins {
		n.Plugins[i].Result = compact(n.Plugins[i].Result)
	}
	n.Result = compact(n.Result)
	n.CapabilityArgs = nil
	for key, value := range e.CapabilityArgs {
		if n.CapabilityArgs == nil {
			n.CapabilityArgs = map[string]jsontext.Value{}
		}
		n.CapabilityArgs[key] = compact(value)
	}
	return &n
}

func compact(v jsontext.Value) jsontext.Value {
	var out bytes.Buffer
	if json.Compact(&out, v) != nil || out.Len() == 0 {
		return nil
	}
	return out.Bytes()
}
