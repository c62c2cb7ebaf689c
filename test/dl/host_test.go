package dl

import "testing"

func TestCallsLeaveTheirHostAsItWas(t *testing.T) {
	t.Setenv("LIBRARY", library(t))
	program := compile(t, "host.c")
	for mode, paths := range ways(t) {
		t.Run(mode, func(t *testing.T) {
			runTests(t, program, append(append([]string{mode}, paths...), pluginDir(t))...)
		})
	}
}

// The header itself is clean, whatever the library in the child does.
func TestCallsUnderTheAddressSanitizer(t *testing.T) {
	sanitizers := []string{"-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}
	t.Setenv("LIBRARY", library(t))
	t.Setenv("SANITIZED", "yes") // a limit on address space is none under the sanitizer, and a child takes longer
	for _, source := range []string{"calls.c", "host.c"} {
		program := compile(t, source, sanitizers...)
		for mode, paths := range ways(t) {
			t.Run(source+" "+mode, func(t *testing.T) {
				runTests(t, program, append(append([]string{mode}, paths...), pluginDir(t))...)
			})
		}
	}
}

func TestInProcess(t *testing.T) {
	stub := compile(t, "stub.c", "-shared", "-fPIC")
	runTests(t, compile(t, "inprocess.c"), "in-process", library(t), stub, t.TempDir())
}
