package model

import (
	"os"
	"strings"
	"testing"
)

func description(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../cni.api.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDescriptionIsComplete(t *testing.T) {
	if _, err := Load([]byte(description(t))); err != nil {
		t.Fatal(err)
	}
}

// ptp is younger than the keys that it shares with bridge.
func TestKeysAreNoOlderThanTheirPlugin(t *testing.T) {
	text := description(t)
	api, err := Load([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range api.Builtins {
		want := map[string]string{"bridge": "0.1", "ptp": "0.2"}[b.Type]
		for _, key := range b.Keys() {
			if want != "" && CompareVersions(key.Since, want) < 0 {
				t.Errorf("%s: %s has since %s, and the plugin %s", b.Type, key.Name, key.Since, want)
			}
		}
	}

	_, err = Load([]byte(strings.Replace(text, `"since": "0.2",
      "properties": {},`, `"properties": {},`, 1)))
	if err == nil || !strings.Contains(err.Error(), "plugin ptp: key mtu is older than the plugin") {
		t.Errorf("got %v", err)
	}
}

func TestCompareVersions(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"0.1", "0.2", -1}, {"0.2", "0.2", 0}, {"0.2", "0.1", 1}, {"0.9", "0.10", -1},
		{"0.10", "0.9", 1}, {"0.1", "", 1},
	} {
		if got := CompareVersions(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
