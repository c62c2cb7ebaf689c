package core

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// validated asks for the validation of a network, given as JSON.
func validated(t *testing.T, network string, strict bool) (*ValidateAnswer, error) {
	t.Helper()
	r := &ValidateRequest{Strict: strict}
	r.Network = []byte(network)
	r.Options.PluginDirs = []string{t.TempDir()}
	return New(Options{}).Validate(t.Context(), Caller{}, r)
}

func list(plugins string) string {
	return `{"$schema":"x","cniVersion":"1.0.0","name":"net","plugins":[` + plugins + `]}`
}

// ADD would refuse each of these.
func TestValidateRunsTheReadersOfTheBuiltins(t *testing.T) {
	for _, test := range []struct{ plugins, key, want string }{
		{`{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/33"}]]}}`,
			"ipam.ranges[0][0].subnet", "10.0.0.0/33"},
		{`{"type":"bridge","ipam":{"type":"static","addresses":[{"address":"10.0.0.1"}]}}`,
			"ipam.addresses[0].address", "10.0.0.1"},
		{`{"type":"bridge","mtu":67}`, "mtu", "67"},
		{`{"type":"bridge","runtimeConfig":{"mac":"x"}}`, "mac", `"x"`},
		{`{"type":"bridge","isGateway":"yes"}`, "isGateway", "expected true or false"},
		{`{"type":"ptp"}`, "ipam.type", "required"},
		{`{"type":"loopback"},{"type":"portmap","backend":"ipfw"}`, "backend", "ipfw"},
		{`{"type":"loopback"},{"type":"portmap","runtimeConfig":{"portMappings":[{"hostPort":0,"containerPort":80}]}}`,
			"runtimeConfig.portMappings[0].hostPort", "0"},
		{`{"type":"loopback"},{"type":"firewall","ingressPolicy":"shut"}`, "ingressPolicy", "shut"},
	} {
		_, err := validated(t, list(test.plugins), false)
		e := failureOf(t, err)
		if e.Kind != "invalid-config" && e.Kind != "invalid-request" ||
			!strings.HasSuffix(e.Details, test.key) || !strings.Contains(e.Msg, test.want) {
			t.Errorf("%s: got %s, key %q: %s", test.plugins, e.Kind, e.Details, e.Msg)
		}
		if e.Plugin == nil || e.Plugin.Index != strings.Count(test.plugins, "{\"type\":\"loopback\"}") {
			t.Errorf("%s: plugin %+v", test.plugins, e.Plugin)
		}
	}
}

func TestValidateWarnsOfKeysThatNobodyReads(t *testing.T) {
	network := `{"$schema":"x","cniVersion":"1.0.0","name":"net","disablCheck":true,"nerdctlID":"1","x-mine":1,"plugins":[
		{"type":"bridge","$schema":"x","isGatway":true,"ISDEFAULTGATEWAY":true,"x-mine":1,"zzzzzzzz":1,"args":{"labels":{"a":1}},
			"ipam":{"type":"host-local","subnet":"10.0.0.0/16","routes":[{"dst":"0.0.0.0/0","via":"10.0.0.1"}],"ranges":[[{"subnet":"10.1.0.0/16","rangestart":"10.1.0.9","rangEnd":"10.1.0.99"}]]}},
		{"type":"portmap","capabilities":{"portMappings":true,"mine":true}}]}`
	want := []ConfigWarning{
		{Key: "disablCheck", Nearest: "disableCheck"},
		{Key: "plugins[0].isGatway", Nearest: "plugins[0].isGateway"},
		{Key: "plugins[0].zzzzzzzz"},
		{Key: "plugins[0].ipam.routes[0].via"},
		{Key: "plugins[0].ipam.ranges[0][0].rangEnd", Nearest: "plugins[0].ipam.ranges[0][0].rangeEnd"},
	}
	for i := range want {
		want[i].Msg = want[i].Key + ": unknown key"
		if want[i].Nearest != "" {
			want[i].Msg += "; did you mean " + want[i].Nearest + "?"
		}
	}

	answer, err := validated(t, network, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, answer.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}

	_, err = validated(t, network, true)
	if e := failureOf(t, err); e.Kind != "invalid-config" || e.Details != "disablCheck" ||
		!strings.HasSuffix(e.Msg, "did you mean disableCheck? (and 4 more)") || e.Network != "net" {
		t.Errorf("strict: %s, key %q: %s", e.Kind, e.Details, e.Msg)
	}
}

func TestValidateOfASinglePluginNamesItsKeys(t *testing.T) {
	network := `{"cniVersion":"1.0.0","name":"net","type":"bridge","brige":"b"}`
	answer, err := validated(t, network, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.Warnings) != 1 || answer.Warnings[0].Nearest != "bridge" {
		t.Errorf("warnings %+v", answer.Warnings)
	}
	if _, err := validated(t, list(`{"type":"bridge"},{"type":"firewall"}`), true); err != nil {
		t.Errorf("strict without warnings: %v", err)
	}
}

func TestMistypedPluginTypeNamesTheNearest(t *testing.T) {
	for mistyped, want := range map[string]string{"bridg": "bridge", "hostlocal": "host-local",
		"macvlan": ""} {
		_, err := validated(t, list(`{"type":"`+mistyped+`"}`), false)
		e := failureOf(t, err)
		if found := strings.Contains(e.Msg, "did you mean"); e.Kind != "plugin-not-found" ||
			found != (want != "") || !strings.Contains(e.Msg, want) {
			t.Errorf("%s: %s: %s", mistyped, e.Kind, e.Msg)
		}
	}
}

func TestManyUnknownKeysAreBounded(t *testing.T) {
	keys := map[string]any{"type": "bridge"}
	for i := range 5000 {
		keys[strings.Repeat("k", i%900)+"isGatway"] = i
	}
	config, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := validated(t, list(string(config)), false)
	if err != nil || len(answer.Warnings) != 100 {
		t.Errorf("%v, %d warnings", err, len(answer.Warnings))
	}
}

// failureOf returns the error object of a verb that has to fail.
func failureOf(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error object", err)
	}
	return e
}
