package nft

import (
	"errors"
	"strings"
)

// CheckLinkName returns an error for the name of a link that nft cannot read back from its own
// listings, in which it is quoted: one such name in any table makes every saved rule set of the
// host unusable.
func CheckLinkName(name string) error {
	switch {
	case strings.Contains(name, `"`):
		return errors.New(`nftables cannot represent the name of a link that contains "`)
	case strings.HasSuffix(name, "*"):
		return errors.New("nftables takes the name of a link that ends with * for a pattern")
	default:
		return nil
	}
}
