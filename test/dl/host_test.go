package dl

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

func TestCallsLeaveTheirHostAsItWas(t *testing.T) {
	t.Setenv("LIBRARY", rig.Library(t))
	program := compile(t, "host.c")
	for mode, paths := range ways(t) {
		t.Run(mode, func(t *testing.T) {
			rig.RunTests(t, program, append(append([]string{mode}, paths...), pluginDir(t))...)
		})
	}
}

// The header itself is clean, whatever the library in the child does.
func TestCallsUnderTheAddressSanitizer(t *testing.T) {
	sanitizers := []string{"-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}
	t.Setenv("LIBRARY", rig.Library(t))
	// The sanitizer lifts limits on address space, and a child takes longer.
	t.Setenv("SANITIZED", "yes")
	for _, source := range []string{"calls.c", "host.c"} {
		program := compile(t, source, sanitizers...)
		for mode, paths := range ways(t) {
			t.Run(source+" "+mode, func(t *testing.T) {
				rig.RunTests(t, program, append(append([]string{mode}, paths...), pluginDir(t))...)
			})
		}
	}
}

func TestInProcess(t *testing.T) {
	stub := compile(t, "stub.c", "-shared", "-fPIC")
	rig.RunTests(t, compile(t, "inprocess.c"), "in-process", rig.Library(t), stub, t.TempDir())
}

// Opening the library in a static program returns an error, so that the program can use the
// command.
func TestStaticPrograms(t *testing.T) {
	out, err := exec.Command(compile(t, "static.c", "-static"), rig.Library(t),
		rig.Command(t)).Output()
	want := regexp.MustCompile(
		`^in-process -95 .*static.*CNI_DL_EXEC.*"unsupported".*\nisolated -95 .*static.*\nexec 0 .*"networks":\[\].*\n$`)
	if err != nil || !want.Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}
