package errno

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRefusalNamesWhatIsMissing(t *testing.T) {
	const netAdmin, sysAdmin = 1 << unix.CAP_NET_ADMIN, 1 << unix.CAP_SYS_ADMIN
	for _, test := range []struct {
		name      string
		effective uint64
		want      string
	}{
		{"nothing is there", 0, "this thread lacks CAP_NET_ADMIN and CAP_SYS_ADMIN"},
		{"one is there", netAdmin, "this thread lacks CAP_SYS_ADMIN"},
		{"the other is there", sysAdmin, "this thread lacks CAP_NET_ADMIN"},
		{"both are there", netAdmin | sysAdmin, "the reason is another one"},
	} {
		if got := refusal(test.effective); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCapabilitiesAreThoseOfTheThread(t *testing.T) {
	if _, err := effectiveCapabilities(); err != nil {
		t.Fatal(err)
	}
}
