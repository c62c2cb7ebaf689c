package core

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/strictjson"
	"github.com/libcni/libcni/core/plugin"
)

// Any request is decoded to values that CNI_ARGS can represent, or refused with a kind.
func FuzzRequestOfEveryVerb(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"network":"web","containerId":"c1","netns":"/run/netns/a","args":{"IP":"10.1.2.3"}}`,
		`{"network":{"name":"n","plugins":[]},"args":[["A","b"],["A","c"]],"options":{"timeoutMs":0,"env":{"A":"b"}}}`,
		`{"validAttachments":[{"containerId":"c","ifName":"eth0"}],"asOf":"x:1","dryRun":true}`,
		`{"args":[["a",1]]}`, `{"args":[["a","b","c"]]}`, `{"args":null}`,
		`{"options":{"ignoreUnknown":true},"y":{"x":[1,2]}}`,
		`{"result":{"ips":[{"address":"10.1.0.2/24"}]},"cniVersion":"0.2.0"}`,
		"{\"containerId\":\"\xff\"}", `{"a":1,"a":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, request := range []request{new(AddRequest), new(DelRequest), new(GCRequest),
			new(ConvertRequest), new(RepairRequest), new(NetnsRequest)} {
			err := new(strictjson.Decoder).Decode(data, request.fields(), request.ignoreUnknown())
			var e *fault.Error
			if err != nil && (!errors.As(err, &e) || e.Kind != fault.KindInvalidRequest || e.Msg == "") {
				t.Fatalf("%T: %v", request, err)
			}
			add, isAdd := request.(*AddRequest)
			if err != nil || !isAdd {
				continue
			}
			text := plugin.Args(add.Args).String()
			if pairs := len(add.Args); pairs > 0 && strings.Count(text, ";") != pairs-1 {
				t.Fatalf("%d pairs became %q", pairs, text)
			}
		}
	})
}

// An error of convert has a kind, and a converted result can be converted again.
func FuzzConvert(f *testing.F) {
	f.Add(
		`{"cniVersion":"1.1.0","ips":[{"address":"10.1.0.2/24","interface":0}],"interfaces":[{"name":"eth0"}]}`, "0.2.0")
	f.Add(`{"cniVersion":"0.2.0","ip4":{"ip":"10.1.0.2/24"}}`, "1.1.0")
	f.Add(`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.0.2/24","interface":-1}]}`,
		"0.3.1")
	f.Fuzz(func(t *testing.T, result, version string) {
		if !json.Valid([]byte(result)) {
			return
		}
		engine := New(Options{})
		request := func(result []byte) []byte {
			data, err := json.Marshal(map[string]any{"result": json.RawMessage(result),
				"cniVersion": version})
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		rc, response := engine.Call(t.Context(), Caller{}, "convert", request([]byte(result)))
		if rc != 0 {
			var e Error
			if err := json.Unmarshal(response, &e); err != nil || e.Kind == "" {
				t.Fatalf("rc %d: %s", rc, response)
			}
			return
		}
		if rc, again := engine.Call(t.Context(), Caller{}, "convert", request(response)); rc != 0 {
			t.Fatalf("%s\nonce:  %s\nagain: %s", result, response, again)
		}
	})
}
