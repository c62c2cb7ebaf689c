package invoke

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/libcni/libcni/core/internal/event"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/spawn"
	"github.com/libcni/libcni/core/internal/must"
	"github.com/libcni/libcni/core/plugin"
)

func TestProcessGetsItsRequest(t *testing.T) {
	t.Parallel()
	var events []event.Event
	r := runner(&events)
	r.PluginDirs = []string{"/a", "/b"}
	target := script(t, `echo noise >&2
printf '{"cniVersion":"1.0.0","stdin":%s,"env":"%s"}' "$(cat)" "$(env | grep ^CNI_ | sort | tr '\n' ' ')"`)
	result, err := r.Run(t.Context(), target, invocation(plugin.Add))
	if err != nil {
		t.Fatal(err)
	}
	got, err := result.JSON("1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cniVersion":"1.0.0","stdin":{"cniVersion":"1.0.0","name":"net","type":"fake"},` +
		`"env":"CNI_ARGS=A=1;B=2 CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 CNI_NETNS=/run/netns/c1 CNI_PATH=/a:/b "}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("what the plugin got (-want +got):\n%s", diff)
	}
	no := false
	wantEvents := []event.Event{{Event: "plugin", Command: "ADD", Network: "net", ContainerID: "c1",
		IfName: "eth0", Plugin: "fake", Builtin: &no, Stderr: "noise\n"}}
	if diff := cmp.Diff(wantEvents, events, cmpopts.IgnoreFields(event.Event{},
		"DurationMs")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestProcessErrorNamesThePluginAndKeepsStderr(t *testing.T) {
	t.Parallel()
	var events []event.Event
	r := runner(&events)
	_, err := r.Run(t.Context(),
		script(t, `printf 'bad \377 byte' >&2; echo '{"code":100,"msg":"no"}'; exit 1`),
		invocation(plugin.Del))
	e := faultOf(t, err)
	if diff := cmp.Diff(&fault.Plugin{Type: "fake"}, e.Plugin); diff != "" {
		t.Errorf("plugin (-want +got):\n%s", diff)
	}
	if e.Stderr != "bad \uFFFD byte" || e.Return() != 100 {
		t.Errorf("stderr %q, returns %d", e.Stderr, e.Return())
	}
	if len(events) != 1 || events[0].Code != 100 || events[0].Msg != "no" ||
		events[0].Stderr != e.Stderr {
		t.Errorf("events %+v", events)
	}
}

func TestProcessThatFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, commands string
		command        string
		kind           fault.Kind
		says           string
	}{
		{"crashes", "kill -SEGV $$", plugin.Add, fault.KindPluginFailed, "killed by SIGSEGV"},
		{"prints garbage", "echo oh no", plugin.Add, fault.KindPluginProtocol, `"oh no`},
		{"prints garbage and fails", "echo oh no; exit 1", plugin.Del, fault.KindPluginProtocol,
			`"oh no`},
		{"prints a result of an unknown version", `echo '{"cniVersion":"9.9.9"}'`, plugin.Add,
			fault.KindPluginProtocol, "9.9.9"},
		{"prints 10 MB", "head -c 10000000 /dev/zero", plugin.Add, fault.KindPluginProtocol,
			"more than 8 MiB"},
		{"prints 10 MB and stays", "head -c 10000000 /dev/zero; sleep 60", plugin.Del,
			fault.KindPluginProtocol, "more than 8 MiB"},
		{"says nothing", "exit 1", plugin.Check, fault.KindPluginFailed, "exit status 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result, err := runner(nil).Run(t.Context(), script(t, test.commands), invocation(test.command))
			e := faultOf(t, err)
			if e.Kind != test.kind || !strings.Contains(e.Msg, test.says) ||
				!strings.Contains(e.Msg, "plugin fake (") {
				t.Errorf("%s: %s; want %s that names the plugin and says %q", e.Kind, e.Msg, test.kind,
					test.says)
			}
			if result != nil {
				t.Error("a result with the error")
			}
		})
	}
}

func TestProcessNeedNotReadItsRequest(t *testing.T) {
	t.Parallel()
	inv := invocation(plugin.Del)
	inv.Config = append([]byte(`{"pad":"`), append(bytes.Repeat([]byte("x"), 1<<20), `"}`...)...)
	if _, err := runner(nil).Run(t.Context(), script(t, "exit 0"), inv); err != nil {
		t.Error(err)
	}
	result, err := runner(nil).Run(t.Context(), script(t,
		`echo "{\"cniVersion\":\"1.0.0\",\"size\":$(wc -c)}"`), func() *plugin.Invocation {
		asked := *inv
		asked.Command = plugin.Add
		return &asked
	}())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := result.JSON("1.0.0"); err != nil ||
		string(got) != `{"cniVersion":"1.0.0","size":1048586}` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestProcessMayLeaveAChildThatHoldsItsOutput(t *testing.T) {
	t.Parallel()
	began := time.Now()
	// The child ends by itself, long after the test has ended.
	result, err := runner(nil).Run(t.Context(), script(t, `sleep 15 & echo '{"cniVersion":"1.0.0"}'`),
		invocation(plugin.Add))
	if err != nil || result == nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestProcessKeepsTheEndOfALongStderr(t *testing.T) {
	t.Parallel()
	_, err := runner(nil).Run(t.Context(), script(t,
		"head -c 1000000 /dev/zero | tr '\\0' x >&2; echo end >&2; exit 1"), invocation(plugin.Del))
	e := faultOf(t, err)
	if len(e.Stderr) != stderrLimit || !strings.HasSuffix(e.Stderr, "xend\n") {
		t.Errorf("%d bytes, ends with %q", len(e.Stderr), e.Stderr[max(0, len(e.Stderr)-10):])
	}
	if len(e.Msg) > 1000 || !strings.HasSuffix(e.Msg, "xend") {
		t.Errorf("message of %d bytes ends with %q", len(e.Msg), e.Msg[max(0, len(e.Msg)-10):])
	}
}

func TestProcessEndsWithTheCall(t *testing.T) {
	t.Parallel()
	const polite = `trap 'echo cleaned >&2; exit 0' TERM; echo $$; sleep 60 & wait`
	const stubborn = `trap '' TERM; echo $$; while :; do sleep 1; done`
	tests := []struct {
		name, commands string
		end            func(context.Context) (context.Context, context.CancelFunc)
		kind           fault.Kind
		returns        syscall.Errno
		stderr         string
		atMost         time.Duration
	}{
		{"deadline", polite, soon, fault.KindTimeout, syscall.ETIMEDOUT, "cleaned\n", 10 * time.Second},
		{"cancel", polite, cancelled, fault.KindCancelled, syscall.ECANCELED, "cleaned\n",
			10 * time.Second},
		{"deadline, SIGTERM ignored", stubborn, soon, fault.KindTimeout, syscall.ETIMEDOUT, "",
			10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := test.end(t.Context())
			defer cancel()
			began := time.Now()
			_, err := runner(nil).Run(ctx, script(t, test.commands), invocation(plugin.Add))
			e := faultOf(t, err)
			if e.Kind != test.kind || e.Return() != -int(test.returns) ||
				!strings.Contains(e.Msg, "plugin fake (") || !strings.Contains(e.Msg, "it was stopped") {
				t.Errorf("%s (%d): %s", e.Kind, e.Return(), e.Msg)
			}
			if e.Stderr != test.stderr {
				t.Errorf("stderr %q, want %q", e.Stderr, test.stderr)
			}
			if took := time.Since(began); took > test.atMost {
				t.Errorf("took %v", took)
			}
		})
	}
}

func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 300*time.Millisecond)
}

func cancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(300*time.Millisecond, cancel)
	return ctx, cancel
}

func TestNothingStartsAfterTheEndOfTheCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := runner(nil)
	r.Start = func(spawn.Spec) (spawn.Started, error) {
		t.Error("started")
		return spawn.Started{}, syscall.EPERM
	}
	_, err := r.Run(ctx, script(t, ""), invocation(plugin.Add))
	if e := faultOf(t, err); e.Kind != fault.KindCancelled ||
		!strings.Contains(e.Msg, "was not started") {
		t.Errorf("%s: %s", e.Kind, e.Msg)
	}
}

func TestExecutableBeingWrittenIsRetried(t *testing.T) {
	t.Parallel()
	target := script(t, "exit 0")
	writer, err := os.OpenFile(target.Path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	ctx, cancel := soon(t.Context())
	defer cancel()
	_, err = runner(nil).Run(ctx, target, invocation(plugin.Del))
	if e := faultOf(t, err); e.Kind != fault.KindTimeout ||
		!strings.Contains(e.Msg, "open for writing") {
		t.Errorf("as long as it is written: %s: %s", e.Kind, e.Msg)
	}

	tries := 0
	r := runner(nil)
	r.Start = func(spec spawn.Spec) (spawn.Started, error) {
		if tries++; tries == 3 {
			writer.Close()
		}
		return spawn.ForkExec(spec)
	}
	if _, err := r.Run(t.Context(), target, invocation(plugin.Del)); err != nil || tries < 3 {
		t.Errorf("once it is written: %v after %d tries", err, tries)
	}
}

func TestProcessThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dull := install(t, dir, "dull", "#!/bin/sh\n")
	if err := os.Chmod(dull.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		target Target
		says   string
	}{
		{"no interpreter line", install(t, dir, "text", "echo hello\n"), "first line such as #!/bin/sh"},
		{"missing interpreter", install(t, dir, "lost", "#!/nonexistent\n"), "interpreter"},
		{"not executable", dull, "cannot be executed"},
		{"directory", Target{Type: "dir", Path: dir}, "cannot be executed"},
		{"gone", Target{Type: "gone", Path: dir + "/gone"}, "does not exist"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := runner(nil).Run(t.Context(), test.target, invocation(plugin.Add))
			e := faultOf(t, err)
			if e.Kind != fault.KindPluginFailed || !strings.Contains(e.Msg, test.says) ||
				!strings.Contains(e.Msg, test.target.Path) {
				t.Errorf("%s: %s; want %s that says %q", e.Kind, e.Msg, fault.KindPluginFailed, test.says)
			}
		})
	}
}

func TestErrorAfterSuccessIsAWarning(t *testing.T) {
	t.Parallel()
	var events []event.Event
	if _, err := runner(&events).Run(t.Context(), script(t, `echo '{"code":7,"msg":"no"}'`),
		invocation(plugin.Del)); err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 || events[0].Event != "warning" ||
		!strings.Contains(events[0].Msg, "exited with status 0 from DEL, which counts") {
		t.Errorf("events %+v", events)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	r := runner(nil)
	r.Catalog = catalog(map[string]plugin.Plugin{"memory": fake{}})
	asked := script(t,
		`[ "$CNI_COMMAND" = VERSION ] && [ "$(cat)" = '{"cniVersion":"1.1.0"}' ] && echo '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}'`)
	for _, test := range []struct {
		name   string
		target Target
		want   []string
	}{
		{"process", asked, []string{"0.4.0", "1.0.0"}},
		{"built-in", Target{Type: "memory", Builtin: true},
			[]string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}},
	} {
		got, err := r.Versions(t.Context(), test.target)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	_, err := r.Versions(t.Context(), script(t, "echo oops >&2; exit 1"))
	if e := faultOf(t, err); e.Plugin == nil || e.Stderr != "oops\n" {
		t.Errorf("failing plugin: %+v", e)
	}
}

// Whoever can change the executable, or put another in its place, would run programs as the caller.
func TestExecutableThatEveryUserCanChangeIsNotRun(t *testing.T) {
	target := script(t, "echo ran >&2; exit 1")
	for _, path := range []string{target.Path, filepath.Dir(target.Path)} {
		info, err := os.Stat(path)
		must.Succeed(t, err)
		must.Succeed(t, os.Chmod(path, 0o777))
		_, err = runner(nil).Run(t.Context(), target, invocation(plugin.Add))
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.KindState || e.Stderr != "" ||
			e.Return() != -int(syscall.EACCES) || !strings.Contains(e.Msg, path+" can be written") {
			t.Errorf("%s: %+v", path, err)
		}
		must.Succeed(t, os.Chmod(path, info.Mode()))
	}
	_, err := runner(nil).Run(t.Context(), target, invocation(plugin.Add))
	if err == nil || !strings.Contains(err.Error(), "exit") {
		t.Errorf("an executable of its owner: %v", err)
	}
}
