package filter

import (
	"fmt"
	"slices"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/nft"
	"github.com/libcni/libcni/core/plugin"
)

const (
	present = "present"
	missing = "missing"
)

// CheckChains returns the differences that make chains of libcni ineffective: their table is
// dormant, they are at another hook, or a rule that is not libcni's ends them for all packets. A
// chain that does not exist has none. The caller sets Drift.Plugin.
func CheckChains(r *nft.Reader, chains ...nft.Chain) ([]fault.Drift, error) {
	var found []fault.Drift
	var tables []nft.Table
	for _, c := range chains {
		if !slices.Contains(tables, c.Table) {
			tables = append(tables, c.Table)
			drift, err := checkTable(r, c.Table)
			if err != nil {
				return nil, err
			}
			found = append(found, drift...)
		}
		drift, err := checkChain(r, c)
		if err != nil {
			return nil, err
		}
		found = append(found, drift...)
	}
	return found, nil
}

func checkTable(r *nft.Reader, t nft.Table) ([]fault.Drift, error) {
	dormant, err := r.IsDormant(t)
	if err != nil || !dormant {
		return nil, err
	}
	object := fmt.Sprintf("flag dormant of the nftables table %s %s", t.Family, t.Name)
	return []fault.Drift{{Object: object, Expected: missing, Actual: present}}, nil
}

// CheckPlace returns the difference of a chain that the kernel calls elsewhere, or that has another
// policy.
func CheckPlace(r *nft.Reader, c nft.Chain) ([]fault.Drift, error) {
	elsewhere, err := r.IsMisplaced(c)
	if err != nil || !elsewhere {
		return nil, err
	}
	return []fault.Drift{{Object: "nftables chain " + c.Name + " at its hook and priority",
		Expected: present, Actual: missing}}, nil
}

func checkChain(r *nft.Reader, c nft.Chain) ([]fault.Drift, error) {
	found, err := CheckPlace(r, c)
	if err != nil || found != nil {
		return found, err
	}
	rules, err := intruders(r, c)
	for _, rule := range rules {
		found = append(found, fault.Drift{Object: fmt.Sprintf(
			"nftables rule %q, handle %d, which ends chain %s for all packets", rule.Comment, rule.Handle,
			c.Name), Expected: missing, Actual: present})
	}
	return found, err
}

// intruders are the rules of a chain that no packet passes. None of libcni's is such a rule.
func intruders(r *nft.Reader, c nft.Chain) ([]nft.Rule, error) {
	rules, err := r.Rules(c)
	return slices.DeleteFunc(rules, func(rule nft.Rule) bool { return !rule.EndsAlways() }), err
}

// MendChains queues the changes that make the chains effective again. The package nft itself wakes
// tables, and makes chains anew that are at another hook.
func MendChains(tx *nft.Tx, chains ...nft.Chain) error {
	for _, c := range chains {
		rules, err := intruders(tx.Reader, c)
		if err != nil {
			return err
		}
		tx.DeleteRules(rules...)
	}
	return nil
}

// Warn warns, for STATUS, of what makes chains of libcni ineffective.
func Warn(inv *plugin.Invocation, found []fault.Drift) {
	for _, d := range found {
		inv.Warn("%s is %s: rules of libcni have no effect; run cni repair --all", d.Object, d.Actual)
	}
}
