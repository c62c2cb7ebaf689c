package build

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAssumptionsNameFilesAndTestsThatExist looks at the table of capi/goruntime/README.md.
func TestAssumptionsNameFilesAndTestsThatExist(t *testing.T) {
	goroot := strings.TrimSpace(succeed(t, command("go", "env", "GOROOT")))
	quoted := regexp.MustCompile("`([^`]*)`")
	rows := 0
	for _, line := range strings.Split(read(t, root+"/capi/goruntime/README.md"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| change ") {
			continue
		}
		rows++
		for _, file := range quoted.FindAllStringSubmatch(cells[3], -1) {
			exists(t, filepath.Join(goroot, "src", file[1]))
		}
		for _, host := range quoted.FindAllStringSubmatch(cells[5], -1) {
			exists(t, root+"/test/host/programs/"+host[1]+".c")
		}
	}
	if rows < 10 {
		t.Errorf("%d rows", rows)
	}
}

func exists(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
