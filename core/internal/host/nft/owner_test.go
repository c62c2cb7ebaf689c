package nft

import (
	"strings"
	"testing"
)

func TestOwners(t *testing.T) {
	o := Owner{"web", "c1", "eth0"}
	for _, test := range []struct {
		name, comment string
		owns, in      bool
		text          string
	}{
		{"its own", o.Comment(), true, true, "container c1, interface eth0, network web"},
		{"of the reference plugin", "cbead8fe640f4d4a-f4d01f2ef4b92245, net: web, if: eth0, id: c1",
			true, true, "container c1, interface eth0, network web"},
		{"hashes alone", "cbead8fe640f4d4a-f4d01f2ef4b92245", true, true,
			`"cbead8fe640f4d4a-f4d01f2ef4b92245"`},
		{"another interface", Owner{"web", "c1", "eth1"}.Comment(), false, true,
			"container c1, interface eth1, network web"},
		{"another network", Owner{"we", "c1", "eth0"}.Comment(), false, false,
			"container c1, interface eth0, network we"},
		{"begins alike", "cbead8fe640f4d4a-f4d01f2ef4b922456", false, true,
			`"cbead8fe640f4d4a-f4d01f2ef4b922456"`},
		{"none", "", false, false, "an unknown owner"},
		{"of another tool", "hello", false, false, `"hello"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := o.Owns(test.comment); got != test.owns {
				t.Errorf("owns: %v", got)
			}
			if got := OwnsIn("web", test.comment); got != test.in {
				t.Errorf("in the network: %v", got)
			}
			if got := DescribeOwner(test.comment); got != test.text {
				t.Errorf("described as %q, want %q", got, test.text)
			}
			keep := Keep("web", []Owner{o})
			if got, want := keep(test.comment), test.owns || !test.in; got != want {
				t.Errorf("kept: %v, want %v", got, want)
			}
		})
	}
}

func TestCommentsAreWhatNFTReads(t *testing.T) {
	got := Owner{`a"b\c` + "\n\x00é", strings.Repeat("x", 300), "eth0"}.Comment()
	if len(got) != 128 || strings.ContainsAny(got, "\"\\\n\x00é") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
