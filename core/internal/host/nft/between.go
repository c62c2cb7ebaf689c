package nft

import "github.com/google/nftables/expr"

// Between passes packets whose field is in the range from first to last; NotBetween the others.
func Between(f Field, first, last []byte) []Expr { return between(f, expr.CmpOpEq, first, last) }
func NotBetween(f Field, first, last []byte) []Expr {
	return between(f, expr.CmpOpNeq, first, last)
}

func between(f Field, op expr.CmpOp, first, last []byte) []Expr {
	return append(f.load(register(0)), &expr.Range{Op: op, Register: register(0), FromData: first,
		ToData: last})
}
