package host

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// TestDocumentHasARowForEachHost holds docs/embedding.md and rows together.
func TestDocumentHasARowForEachHost(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/embedding.md")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for _, m := range regexp.MustCompile(
		"(?m)^\\| ([0-9]+) \\|.*\\| \\[`([a-z_]+)`\\]\\(\\.\\./test/host/programs/([a-z_]+)\\.c\\) \\| "+
			"(kept, but|kept|changed)\\b").FindAllStringSubmatch(string(text), -1) {
		if m[2] != m[3] {
			t.Errorf("row %s: %s leads to %s.c", m[1], m[2], m[3])
		}
		verdicts[m[1]+" "+m[2]] = m[4]
	}
	for _, row := range rows {
		key := fmt.Sprintf("%d %s", row.number, row.program)
		want := "kept"
		switch {
		case len(row.kept) == 0:
			want = "changed"
		case len(row.changed) > 0:
			want = "kept, but"
		}
		if verdicts[key] != want {
			t.Errorf("docs/embedding.md: row %s says %q, the tests say %q", key, verdicts[key], want)
		}
		delete(verdicts, key)
	}
	for key := range verdicts {
		t.Errorf("docs/embedding.md: row %s has no host", key)
	}
}
