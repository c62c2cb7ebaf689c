package spec

import "testing"

func TestVersionsAreComparedByAgeNotByText(t *testing.T) {
	for _, test := range []struct {
		version, minimum string
		want             bool
	}{
		{"1.1.0", "1.0.0", true},
		{"1.0.0", "1.0.0", true},
		{"0.4.0", "1.0.0", false},
		{"9.0.0", "0.1.0", false}, // unsupported
		{"", "0.1.0", false},
		{"0.1.0", "", true},
	} {
		if got := IsAtLeast(test.version, test.minimum); got != test.want {
			t.Errorf("IsAtLeast(%q, %q) = %v, want %v", test.version, test.minimum, got, test.want)
		}
	}
}

func TestHighest(t *testing.T) {
	for _, test := range []struct {
		versions []string
		want     string
	}{
		{nil, ""},
		{[]string{"0.4.0", "1.1.0", "0.3.1"}, "1.1.0"},
		{[]string{"0.3.1"}, "0.3.1"},
	} {
		if got := Highest(test.versions); got != test.want {
			t.Errorf("Highest(%q) = %q, want %q", test.versions, got, test.want)
		}
	}
}

func TestVersionsReturnsACopy(t *testing.T) {
	Versions()[0] = "changed"
	if got := Versions()[0]; got == "changed" {
		t.Error("a caller changed the supported versions")
	}
}
