package nft

import (
	"bytes"
	"slices"
	"strings"

	"github.com/google/nftables/expr"
)

// asNft returns the steps in the form that nft gives them: a range as two comparisons, a network of
// whole bytes as a shorter load, neighbouring ports as one load. A rule set that nft saved and
// loaded again then has the rules that were made.
func asNft(steps []Expr) []Expr {
	var all []Expr
	for _, step := range steps {
		all = joinedPorts(shortened(append(all, separate(step)...)))
	}
	return all
}

// separate returns a range as two comparisons.
func separate(step Expr) []Expr {
	r, ok := step.(*expr.Range)
	if !ok || r.Op != expr.CmpOpEq {
		return []Expr{step}
	}
	return []Expr{&expr.Cmp{Op: expr.CmpOpGte, Register: r.Register, Data: r.FromData},
		&expr.Cmp{Op: expr.CmpOpLte, Register: r.Register, Data: r.ToData}}
}

// shortened replaces a mask of whole bytes at the end of the steps by a shorter load.
func shortened(steps []Expr) []Expr {
	n := len(steps)
	if n < 3 {
		return steps
	}
	load, loads := steps[n-3].(*expr.Payload)
	mask, masks := steps[n-2].(*expr.Bitwise)
	cmp, compares := steps[n-1].(*expr.Cmp)
	if !loads || !masks || !compares || int(load.Len) != len(cmp.Data) {
		return steps
	}
	size, whole := maskedBytes(mask)
	if !whole {
		return steps
	}
	short, compared := *load, *cmp
	short.Len, compared.Data = uint32(size), cmp.Data[:size]
	return append(steps[:n-3:n-3], &short, &compared)
}

// maskedBytes returns the number of bytes that a mask keeps if it keeps whole bytes at the start
// and changes nothing else.
func maskedBytes(b *expr.Bitwise) (size int, whole bool) {
	for size < len(b.Mask) && b.Mask[size] == 0xff {
		size++
	}
	return size, size > 0 && isZero(b.Mask[size:]) && isZero(b.Xor)
}

func isZero(data []byte) bool { return len(bytes.Trim(data, "\x00")) == 0 }

// joinedPorts replaces comparisons of the source and the destination port at the end of the steps
// by one.
func joinedPorts(steps []Expr) []Expr {
	n := len(steps)
	if n < 4 {
		return steps
	}
	first, second := equality(steps[n-4:]), equality(steps[n-2:])
	if first == nil || second == nil || first.load.Base != expr.PayloadBaseTransportHeader ||
		second.load.Base != first.load.Base ||
		second.load.Offset != first.load.Offset+first.load.Len {
		return steps
	}
	load, cmp := *first.load, *first.cmp
	load.Len += second.load.Len
	cmp.Data = append(bytes.Clone(cmp.Data), second.cmp.Data...)
	return append(steps[:n-4:n-4], &load, &cmp)
}

// comparedField is a part of the packet that must have a value.
type comparedField struct {
	load *expr.Payload
	cmp  *expr.Cmp
}

// equality returns the comparison that the first two steps make, or nil.
func equality(steps []Expr) *comparedField {
	if len(steps) < 2 {
		return nil
	}
	load, loads := steps[0].(*expr.Payload)
	cmp, compares := steps[1].(*expr.Cmp)
	if !loads || !compares || cmp.Op != expr.CmpOpEq || int(load.Len) != len(cmp.Data) {
		return nil
	}
	return &comparedField{load, cmp}
}

// meaning encodes what the steps do, in a form that does not depend on the version of nft that
// wrote them: a packet's bytes are compared one by one, and the conditions at the start of a rule
// are in a fixed order, each once. Counters do not matter. It reports false if a step cannot be
// encoded.
func meaning(f Family, steps []Expr) ([]byte, bool) {
	steps = bytewise(asNft(withoutCounters(steps)))
	var conditions []string
	rest := steps
	for size := condition(rest); size > 0; size = condition(rest) {
		encoded, ok := encodedSteps(f, rest[:size])
		if !ok {
			return nil, false
		}
		conditions, rest = append(conditions, encoded), rest[size:]
	}
	slices.Sort(conditions)
	end, ok := encodedSteps(f, rest)
	return []byte(strings.Join(append(slices.Compact(conditions), end), "")), ok
}

// withoutCounters leaves out counters, which earlier versions of libcni did not have.
func withoutCounters(steps []Expr) []Expr {
	isCounter := func(step Expr) bool { _, is := step.(*expr.Counter); return is }
	if !slices.ContainsFunc(steps, isCounter) {
		return steps
	}
	return slices.DeleteFunc(slices.Clone(steps), isCounter)
}

// bytewise separates equalities of several bytes.
func bytewise(steps []Expr) []Expr {
	var all []Expr
	for i := 0; i < len(steps); i++ {
		field := equality(steps[i:])
		if field == nil {
			all = append(all, steps[i])
			continue
		}
		for at := range field.cmp.Data {
			load, cmp := *field.load, *field.cmp
			load.Offset, load.Len, cmp.Data = load.Offset+uint32(at), 1, cmp.Data[at:at+1]
			all = append(all, &load, &cmp)
		}
		i++
	}
	return all
}

// condition returns the number of steps of the condition that the steps begin with, 0 if they begin
// with something else. A second comparison of the same register belongs to the first.
func condition(steps []Expr) (size int) {
	for i, step := range steps {
		switch n := step.(type) {
		case *expr.Payload, *expr.Fib, *expr.Bitwise, *expr.Ct:
		case *expr.Meta:
			if n.SourceRegister {
				return 0
			}
		case *expr.Cmp, *expr.Range:
			size = i + 1
			for size < len(steps) && isComparison(steps[size]) {
				size++
			}
			return size
		case *expr.Lookup:
			if n.IsDestRegSet {
				return 0
			}
			return i + 1
		default:
			return 0
		}
	}
	return 0
}

func isComparison(step Expr) bool {
	_, is := step.(*expr.Cmp)
	return is
}

func encodedSteps(f Family, steps []Expr) (string, bool) {
	var all strings.Builder
	for _, step := range steps {
		encoded, ok := fingerprint(f, step)
		if !ok {
			return "", false
		}
		all.Write(encoded)
	}
	return all.String(), true
}
