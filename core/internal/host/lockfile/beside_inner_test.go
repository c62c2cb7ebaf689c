package lockfile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// Whoever makes a lock file looks at the descriptors of other processes only where one of them may
// hold a removed file of the name.
func TestLocksBesideANewFile(t *testing.T) {
	self := os.Getpid()
	own := fmt.Sprintf("1: FLOCK ADVISORY WRITE %d 00:2f:88 0 EOF", self)
	for _, test := range []struct {
		name  string
		lines []string
		want  []int
	}{
		{"no lock", nil, nil},
		{"the own lock", []string{own}, nil},
		{"another file", []string{own, "2: FLOCK ADVISORY READ 7 00:2f:89 0 EOF"}, []int{7}},
		{"another file system", []string{own, "2: FLOCK ADVISORY WRITE 7 00:30:89 0 EOF"}, nil},
		{"another kind", []string{own, "2: OFDLCK ADVISORY WRITE -1 00:2f:89 0 0"}, nil},
		{
			"the number in another file system, too",
			[]string{
				own, fmt.Sprintf("2: FLOCK ADVISORY WRITE %d 00:30:88 0 EOF", self),
				"3: FLOCK ADVISORY WRITE 7 00:2f:89 0 EOF", "4: FLOCK ADVISORY WRITE 8 00:30:89 0 EOF",
			},
			[]int{7, 8},
		},
		{
			"the own lock is not listed", []string{"1: FLOCK ADVISORY WRITE 7 00:30:89 0 EOF"},
			[]int{7},
		},
		{
			"the number is another process's", []string{"1: FLOCK ADVISORY WRITE 7 00:2f:88 0 EOF"},
			[]int{7},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := t.TempDir() + "/locks"
			text := strings.Join(test.lines, "\n") + "\n"
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := pidsOf(beside(88, locked{kind: flock, at: -1}.listed(path)))
			if !slices.Equal(got, test.want) {
				t.Errorf("got processes %v, want %v", got, test.want)
			}
		})
	}
}
