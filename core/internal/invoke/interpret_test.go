package invoke

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/plugin"
)

func exited(status int) spawn.Status {
	return spawn.Status{Known: true, Wait: syscall.WaitStatus(status << 8)}
}

func TestInterpretResult(t *testing.T) {
	unknown := spawn.Status{}
	tests := []struct {
		name, command, stdout string
		status                spawn.Status
		want                  string // the result in version 1.0.0, "" for none
	}{
		{"result", plugin.Add, `{"cniVersion":"1.0.0","dns":{},"ips":[{"address":"10.0.0.2/24"}]}` + "\n",
			exited(0),
			`{"cniVersion":"1.0.0","dns":{},"ips":[{"address":"10.0.0.2/24"}]}`},
		{"without version", plugin.Add, `{"ips":[{"address":"10.0.0.2/24"}]}`, exited(0),
			`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`},
		{"of 0.1.0, without version", plugin.Add,
			`{"ip4":{"ip":"10.0.0.2/24","gateway":"10.0.0.1","routes":[{"dst":"0.0.0.0/0"}]}}`, exited(0),
			`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24","gateway":"10.0.0.1"}],` +
				`"routes":[{"dst":"0.0.0.0/0"}]}`},
		{"with empty version", plugin.Add, `{"cniVersion":""}`, exited(0), `{"cniVersion":"1.0.0"}`},
		{"other version", plugin.Add,
			`{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.0.0.2/24"}]}`, exited(0),
			`{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}`},
		{"null", plugin.Add, "null\n", exited(0), `{"cniVersion":"1.0.0"}`},
		{"unknown keys and large numbers pass", plugin.Add,
			`{"cniVersion":"1.0.0","x":18446744073709551615}`, exited(0),
			`{"cniVersion":"1.0.0","x":18446744073709551615}`},
		{"DEL without output", plugin.Del, "", exited(0), ""},
		{"CHECK with null", plugin.Check, "null", exited(0), ""},
		{"STATUS with words", plugin.Status, "fine", exited(0), ""},
		{"GC with an error object, exit status 0", plugin.GC, `{"code":7,"msg":"no"}`, exited(0), ""},
		{"status unknown, result", plugin.Add, `{"cniVersion":"1.0.0"}`, unknown,
			`{"cniVersion":"1.0.0"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := interpret(Target{Type: "fake", Path: "/x/fake"}, invocation(test.command),
				answer{[]byte(test.stdout), "", test.status})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if result != nil {
				raw, err := result.JSON("1.0.0")
				if err != nil {
					t.Fatal(err)
				}
				got = strings.TrimSpace(string(raw))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestInterpretFailure(t *testing.T) {
	type want struct {
		Kind      fault.Kind
		Code      int64
		Msg       string
		Details   string
		Retryable bool
	}
	const name = "plugin fake (/x/fake)"
	killed := spawn.Status{Known: true, Wait: syscall.WaitStatus(syscall.SIGSEGV)}
	tests := []struct {
		name, command, stdout, stderr string
		status                        spawn.Status
		want                          want
	}{
		{"error object", plugin.Add, `{"cniVersion":"1.0.0","code":100,"msg":"no \"x\"","details":"d"}`,
			"noise", exited(1),
			want{fault.KindPluginFailed, 100, `no "x"`, "d", false}},
		{"try again later", plugin.Add, `{"code":11,"msg":"later"}`, "", exited(1),
			want{fault.KindPluginFailed, 11, "later", "", true}},
		{"largest code", plugin.Del, `{"code":2147483647,"msg":"m"}`, "", exited(1),
			want{fault.KindPluginFailed, 2147483647, "m", "", false}},
		{"code too large", plugin.Del, `{"code":2147483648,"msg":"m","details":"d"}`, "", exited(1),
			want{fault.KindPluginFailed, 999, "m", "code 2147483648 of the plugin; d", false}},
		{"negative code", plugin.Del, `{"code":-1,"msg":"m"}`, "", exited(1),
			want{fault.KindPluginFailed, 999, "m", "code -1 of the plugin", false}},
		{"code 0", plugin.Del, `{"code":0,"msg":"m"}`, "", exited(1),
			want{fault.KindPluginFailed, 999, "m", "code 0 of the plugin", false}},
		{"code is a string", plugin.Del, `{"code":"7","msg":"m"}`, "", exited(1),
			want{fault.KindPluginFailed, 999, "m", `code "7" of the plugin`, false}},
		{"no code", plugin.Del, `{"msg":"m"}`, "", exited(1),
			want{fault.KindPluginFailed, 999, "m", "", false}},
		{"no message", plugin.Del, `{"code":7}`, "why\n", exited(1),
			want{fault.KindPluginFailed, 7, name + " failed with code 7 and no message; stderr: why", "",
				false}},
		{"nothing", plugin.Del, "", "", exited(1), want{fault.KindPluginFailed, 999,
			name + " failed without an error message (exit status 1)", "", false}},
		{"only stderr", plugin.Add, "\n", "panic: x\n", exited(2),
			want{fault.KindPluginFailed, 999,
				name + " failed without an error message (exit status 2); stderr: panic: x", "", false}},
		{"killed", plugin.Add, "", "", killed, want{fault.KindPluginFailed, 999,
			name + " failed without an error message (killed by SIGSEGV)", "", false}},
		{"killed after a result", plugin.Add, `{"cniVersion":"1.0.0"}`, "", killed,
			want{fault.KindPluginFailed, 999, name + " failed without an error message (killed by SIGSEGV)",
				"", false}},
		{"garbage, failed", plugin.Del, "oh\x01no", "", exited(1),
			want{fault.KindPluginProtocol, 6,
				name + ` failed (exit status 1) and did not print a CNI error: "oh\x01no"`, "", false}},
		{"long garbage", plugin.Del, strings.Repeat("x", 300), "", exited(1),
			want{fault.KindPluginProtocol, 6,
				name + ` failed (exit status 1) and did not print a CNI error: "` + strings.Repeat("x",
					200) + `" …`, "", false}},
		{"nothing, succeeded", plugin.Add, " ", "", exited(0),
			want{fault.KindPluginProtocol, 6, name + " succeeded but printed no result", "", false}},
		{"error object, exit status 0", plugin.Add, `{"code":7,"msg":"no"}`, "", exited(0),
			want{fault.KindPluginFailed, 7, "no", "", false}},
		{"status unknown, error object", plugin.Del, `{"code":7,"msg":"no"}`, "", spawn.Status{},
			want{fault.KindPluginFailed, 7, "no", "", false}},
		{"status unknown, nothing", plugin.Del, "", "", spawn.Status{},
			want{fault.KindPluginStatusUnknown, 999,
				name + " exited, but another part of this process took its exit status, and its output does " +
					"not show whether DEL succeeded", "", true}},
		{"status unknown, half a result", plugin.Add, `{"cniVersion":`, "", spawn.Status{},
			want{fault.KindPluginStatusUnknown, 999,
				name + " exited, but another part of this process took its exit status, and its output does " +
					"not show whether ADD succeeded", "", true}},
		{"status unknown, null", plugin.Add, `null`, "", spawn.Status{},
			want{fault.KindPluginStatusUnknown, 999,
				name + " exited, but another part of this process took its exit status, and its output does " +
					"not show whether ADD succeeded", "", true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, err := interpret(Target{Type: "fake", Path: "/x/fake"}, invocation(test.command),
				answer{[]byte(test.stdout), test.stderr, test.status})
			if result != nil {
				t.Errorf("a result with the error")
			}
			e := faultOf(t, err)
			if diff := cmp.Diff(test.want, want{e.Kind, e.Code, e.Msg, e.Details, e.Retryable}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestInterpretMalformedResult(t *testing.T) {
	for _, stdout := range []string{"oh no", "[]", "7", `{"cniVersion":"1.0.0"} x`,
		`{"cniVersion":"9.0.0"}`, `{"cniVersion":"1.0.0","ips":"no"}`, `{"cniVersion":"1.0.0"`} {
		t.Run(stdout, func(t *testing.T) {
			_, err := interpret(Target{Type: "fake", Path: "/x/fake"}, invocation(plugin.Add),
				answer{[]byte(stdout), "", exited(0)})
			e := faultOf(t, err)
			if e.Kind != fault.KindPluginProtocol || !strings.Contains(e.Msg,
				"did not print a CNI result") || !strings.Contains(e.Msg, quote([]byte(stdout))) {
				t.Errorf("%s: %s", e.Kind, e.Msg)
			}
		})
	}
}

func TestInterpretVersions(t *testing.T) {
	tests := []struct {
		name, stdout, stderr string
		status               spawn.Status
		want                 []string
		kind                 fault.Kind
	}{
		{"versions", `{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}`, "", exited(0),
			[]string{"0.4.0", "1.0.0"}, ""},
		{"status unknown", `{"supportedVersions":["1.0.0"]}`, "", spawn.Status{}, []string{"1.0.0"}, ""},
		{"0.2.0 without the list", `{"cniVersion":"0.2.0"}`, "", exited(0), []string{"0.2.0"}, ""},
		{"before the command", `{"code":4,"msg":"unknown CNI_COMMAND: VERSION"}`, "", exited(1),
			[]string{"0.1.0"}, ""},
		{"before the command, on stderr", ``, "unknown CNI_COMMAND: VERSION", exited(1),
			[]string{"0.1.0"}, ""},
		{"no list", `{"cniVersion":"1.0.0"}`, "", exited(0), nil, fault.KindPluginProtocol},
		{"odd entries beside versions",
			`{"supportedVersions":["1.1.0-rc1","0.4","0.-42.0","1.0.0",7,null,"a","",{},"1.0.0.0"]}`,
			"", exited(0), []string{"1.0.0"}, ""},
		{"a version of the future", `{"supportedVersions":["1.0.0","9.0.0"]}`, "", exited(0),
			[]string{"1.0.0", "9.0.0"}, ""},
		{"odd entries alone", `{"supportedVersions":["1.1.0-rc1","latest"]}`, "", exited(0), nil,
			fault.KindPluginProtocol},
		{"an empty list", `{"cniVersion":"1.0.0","supportedVersions":[]}`, "", exited(0), nil,
			fault.KindPluginProtocol},
		{"path as version", `{"supportedVersions":["1.0.0/../x"]}`, "", exited(0), nil,
			fault.KindPluginProtocol},
		{"garbage", `hello`, "", exited(0), nil, fault.KindPluginProtocol},
		{"nothing", ``, "", exited(0), nil, fault.KindPluginProtocol},
		{"fails otherwise", `{"code":7,"msg":"no"}`, "", exited(1), nil, fault.KindPluginFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := interpretVersions(Target{Type: "fake", Path: "/x/fake"},
				answer{[]byte(test.stdout), test.stderr, test.status})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if test.kind == "" && err != nil {
				t.Error(err)
			}
			if test.kind != "" && faultOf(t, err).Kind != test.kind {
				t.Errorf("kind %s, want %s", faultOf(t, err).Kind, test.kind)
			}
		})
	}
}

// Whatever a plugin prints, the error has a message that a person can read.
func TestTextsOfPluginsAreBounded(t *testing.T) {
	long := strings.Repeat("9", 1<<20)
	for _, test := range []struct {
		name, command, stdout, stderr string
		status                        spawn.Status
	}{
		{"code", plugin.Add, `{"code":` + long + `,"msg":"m"}`, "", exited(1)},
		{"code without message", plugin.Add, `{"code":` + long + `}`, "", exited(1)},
		{"message", plugin.Del, `{"code":7,"msg":"` + long + `"}`, "", exited(1)},
		{"details", plugin.Del, `{"code":7,"msg":"m","details":"` + long + `"}`, "", exited(1)},
		{"version of an error", plugin.Del, `{"code":7,"msg":"m","cniVersion":"` + long + `"}`, "",
			exited(1)},
		{"no error", plugin.Del, long, "", exited(1)},
		{"stderr", plugin.Del, "", long, exited(1)},
		{"no result", plugin.Add, long, "", exited(0)},
		{"a number in a result", plugin.Add,
			`{"cniVersion":"1.0.0","ips":[{"address":` + long + `}]}`, "", exited(0)},
		{"a string in a result", plugin.Add,
			`{"cniVersion":"1.0.0","ips":[{"address":"` + long + `"}]}`, "", exited(0)},
		{"version of a result", plugin.Add, `{"cniVersion":"` + long + `"}`, "", exited(0)},
		{"a key of a result", plugin.Add, `{"` + long + `":1,}`, "", exited(0)},
		{"VERSION", plugin.Version, `{"cniVersion":` + long + `}`, "", exited(0)},
		{"supportedVersions", plugin.Version, `{"supportedVersions":["` + long + `"]}`, "", exited(0)},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, got := Target{Type: "fake", Path: "/x/fake"},
				answer{[]byte(test.stdout), test.stderr, test.status}
			var err error
			if test.command == plugin.Version {
				_, err = interpretVersions(target, got)
			} else {
				_, err = interpret(target, invocation(test.command), got)
			}
			if err == nil {
				t.Fatal("no error")
			}
			e := describe(err, target, "")
			if size := len(e.Msg) + len(e.Details) + len(e.CNIVersion); size > 40<<10 {
				t.Errorf("the error has %d bytes", size)
			}
			if e.Kind == fault.KindPluginProtocol && len(e.Msg) > 2<<10 {
				t.Errorf("the message has %d bytes", len(e.Msg))
			}
		})
	}
}
