package faults

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/nftables"
)

// rules lists the nftables rules and set elements of the thread's namespace, each element by its
// key.
func rules(t testing.TB) []string {
	t.Helper()
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	chains, err := conn.ListChains()
	check(err)
	for _, chain := range chains {
		list, err := conn.GetRules(chain.Table, chain)
		check(err)
		for _, rule := range list {
			lines = append(lines,
				fmt.Sprintf("nft %d %s %s rule %d %x", chain.Table.Family, chain.Table.Name, chain.Name,
					rule.Handle, rule.UserData))
		}
	}
	tables, err := conn.ListTables()
	check(err)
	for _, table := range tables {
		sets, err := conn.GetSets(table)
		check(err)
		for _, set := range sets {
			elements, err := conn.GetSetElements(set)
			check(err)
			for _, element := range elements {
				lines = append(lines,
					fmt.Sprintf("nft %d %s %s element %x", table.Family, table.Name, set.Name, element.Key))
			}
		}
	}
	slices.Sort(lines)
	return lines
}
