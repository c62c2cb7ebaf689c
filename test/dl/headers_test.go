package dl

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// compilers are those that the header supports. C++ always has all features of the C library.
var compilers = []struct {
	name      string
	standards []string
}{
	{"gcc", []string{"c99", "gnu99", "c17", "gnu17", "c17 -D_POSIX_C_SOURCE=200809L"}},
	{"clang", []string{"c99", "gnu99", "c17", "gnu17"}},
	{"g++", []string{"c++11", "gnu++17"}},
	{"clang++", []string{"c++17"}},
}

const header = rig.Root + "/include/cni_dl.h"

// TestHeaderCompilesAfterAnyOtherHeader includes each header that cni_dl.h needs before it, and all
// of them: what they have left out must not be missing.
func TestHeaderCompilesAfterAnyOtherHeader(t *testing.T) {
	text, err := os.ReadFile(header)
	rig.Must(t, err)
	var headers []string
	for _, m := range regexp.MustCompile(`(?m)^#include <([a-z/]+\.h)>$`).FindAllSubmatch(text, -1) {
		headers = append(headers, string(m[1]))
	}
	if len(headers) < 20 {
		t.Fatalf("headers: %v", headers)
	}
	headers = append(headers, "assert.h", "ctype.h", "dirent.h", "sched.h", "sys/mman.h", "wchar.h")
	for _, compiler := range compilers {
		for _, standard := range compiler.standards {
			t.Run(compiler.name+" "+standard, func(t *testing.T) {
				flags := append([]string{"-O2", "-D_FORTIFY_SOURCE=2"}, strings.Fields("-std="+standard)...)
				compiles(t, compiler.name, flags, include(headers...))
			})
		}
	}
	for _, first := range headers { // the strictest standard shows what each of them leaves out
		t.Run(first, func(t *testing.T) { compiles(t, "gcc", []string{"-std=c99"}, include(first)) })
	}
}

func include(headers ...string) string {
	return "#include <" + strings.Join(headers, ">\n#include <") + ">\n"
}

// compiles checks that a file with the header after some text has no warning.
func compiles(t *testing.T, compiler string, flags []string, before string) {
	t.Helper()
	language := "c"
	if strings.HasSuffix(compiler, "++") {
		language = "c++"
	}
	args := append([]string{"-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only",
		"-I" + rig.Root + "/include", "-x" + language, "-"}, flags...)
	cmd := exec.Command(compiler, args...)
	cmd.Stdin = strings.NewReader(before + "#include <cni_dl.h>\nint main(void) { return 0; }\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %v after %q: %v\n%.2000s", compiler, flags, before, err, out)
	}
}

// TestDeclarationsCompileWithHeadersThatConflictWithTheCode includes a header that the code cannot
// be combined with, as the comment of cni_dl.h says.
func TestDeclarationsCompileWithHeadersThatConflictWithTheCode(t *testing.T) {
	for _, compiler := range []string{"gcc", "g++"} {
		compiles(t, compiler, []string{"-DCNI_DL_DECLARATIONS"}, "#include <linux/fcntl.h>\n")
	}
}

// TestHeaderRefusesFeaturesThatAreTooOld needs no more than a clear error.
func TestHeaderRefusesFeaturesThatAreTooOld(t *testing.T) {
	cmd := exec.Command("gcc", "-std=c99", "-D_POSIX_C_SOURCE=1", "-fsyntax-only",
		"-I"+rig.Root+"/include", "-xc", "-")
	cmd.Stdin = strings.NewReader("#include <stdio.h>\n#include <cni_dl.h>\n")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "include cni_dl.h before other headers") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestProgramOfSeveralFilesHasOneCopyOfTheCode links a file with the code and one with declarations
// alone.
func TestProgramOfSeveralFilesHasOneCopyOfTheCode(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"code.c": "#define CNI_DL_IMPLEMENTATION\n#include <cni_dl.h>\n",
		"main.c": `#include <stdio.h>
#include <stdlib.h>
#define CNI_DL_DECLARATIONS
#include <cni_dl.h>
int main(int argc, char **argv)
{
    cni_dl api;
    char *error, *response;
    int rc = argc > 1 ? cni_dl_open_outside(&api, argv[1], NULL, &error) : 2;
    if (rc == 0 && (rc = api.networks(&api, "{\"options\":{\"confDir\":\"/nonexistent\"}}",
                        &response)) == 0) {
        puts(response);
        api.free(&api, response);
        cni_dl_close(&api);
    }
    return rc;
}
`,
	} {
		rig.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for compiler, flags := range map[string][]string{"gcc": {"-std=c99"}, "g++": {"-xc++"}} {
		t.Run(compiler, func(t *testing.T) {
			program := filepath.Join(dir, "program-"+compiler)
			args := append([]string{"-Wall", "-Wextra", "-pedantic", "-Werror", "-fvisibility=hidden",
				"-I" + rig.Root + "/include", "-o", program}, flags...)
			rig.Run(t, compiler, append(args, filepath.Join(dir, "code.c"), filepath.Join(dir, "main.c"))...)
			got := rig.Run(t, program, rig.Library(t))
			if !strings.HasPrefix(got, `{"networks":[]`) {
				t.Errorf("got %q", got)
			}
		})
	}
}
