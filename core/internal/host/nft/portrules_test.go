package nft_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
	"github.com/libcni/libcni/core/internal/host/nft"
)

// TestPortRules reads rules about ports in each encoding: a range is two comparisons before nft
// 1.1.1, and an expression of its own since; iptables 1.8.11 reads the protocol from the header.
func TestPortRules(t *testing.T) {
	netnstest.Host(t)
	load := exec.Command("nft", "-f", "-")
	load.Stdin = strings.NewReader(`table inet libcni {
		chain side {
			tcp dport 80-90 drop
			tcp dport != 1-70 drop
			udp dport 53 drop
			tcp sport 80-90 drop
		}
	}`)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	meta := &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}
	header := &expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: 9, Len: 1, DestRegister: 1}
	addRange(t, meta, expr.CmpOpEq, 80, 90)
	addRange(t, meta, expr.CmpOpNeq, 1, 70)
	addRange(t, header, expr.CmpOpEq, 80, 90)
	update(t, t.TempDir(), func(tx *nft.Tx) error {
		got, err := tx.PortRules(side)
		ports := nft.PortRule{Proto: 6, Ports: []nft.PortRange{{First: 80, Last: 90}}}
		dns := nft.PortRule{Proto: 17, Ports: []nft.PortRange{{First: 53, Last: 53}}}
		if diff := cmp.Diff([]nft.PortRule{ports, dns, ports, ports}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}

// addRange adds a rule for TCP ports as nft 1.1.1 encodes it. protocol loads the protocol.
func addRange(t *testing.T, protocol expr.Any, op expr.CmpOp, first, last uint16) {
	t.Helper()
	conn, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "libcni"}
	conn.AddRule(&nftables.Rule{Table: table, Chain: &nftables.Chain{Table: table, Name: "side"},
		Exprs: []expr.Any{
			protocol,
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{6}},
			&expr.Payload{Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2, DestRegister: 1},
			&expr.Range{Op: op, Register: 1, FromData: nft.Port(first), ToData: nft.Port(last)},
		}})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}
