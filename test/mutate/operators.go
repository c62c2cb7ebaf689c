package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// operator takes something out of a function.
type operator func(*function) ([]edit, error)

// drop leaves a statement out: the one that names something. An if statement whose condition or
// initialisation names it is left out whole, and in place of a return statement the function
// returns zero values. The names that the statement uses stay in use, so that the result compiles.
func drop(name string) operator {
	return func(f *function) ([]edit, error) {
		m, err := f.one(name)
		if err != nil {
			return nil, err
		}
		statement, signature := m.statement(f)
		switch s := statement.(type) {
		case *ast.ReturnStmt:
			instead := "}; return " + f.zeros(signature)
			return []edit{{s.Pos(), s.Pos(), "if false { "}, {s.End(), s.End(), instead}}, nil
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				return nil, fmt.Errorf("%s defines what others use: %s", nameOf(f.decl), f.source(s))
			}
		case *ast.IfStmt, *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt, *ast.ForStmt, *ast.RangeStmt,
			*ast.SendStmt, *ast.IncDecStmt, *ast.BranchStmt:
		default:
			return nil, fmt.Errorf("%s: %T with %s cannot be left out", nameOf(f.decl), s, name)
		}
		return []edit{
			{statement.Pos(), statement.Pos(), "if false { "}, {statement.End(), statement.End(), " }"},
		}, nil
	}
}

// statement returns the innermost statement around a mention that is an element of a block, and
// the signature of the innermost function.
func (m mention) statement(f *function) (ast.Stmt, *ast.FuncType) {
	var found ast.Stmt
	signature := f.decl.Type
	for i, node := range m.around {
		if literal, ok := node.(*ast.FuncLit); ok {
			signature = literal.Type
		}
		inner := m.next(i)
		switch outer := node.(type) {
		case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
			if s, ok := inner.(ast.Stmt); ok && s != nil {
				found = s
			}
		case *ast.LabeledStmt:
			if inner == ast.Node(outer.Stmt) {
				found = outer.Stmt
			}
		}
	}
	return found, signature
}

// next returns the node that follows one of the nodes around the mention.
func (m mention) next(i int) ast.Node {
	if i+1 < len(m.around) {
		return m.around[i+1]
	}
	return m.expr
}

// dropElement leaves out the element of a list that names something, such as a step.
func dropElement(name string) operator { return dropFromLiteral(name, true) }

// dropField leaves out the field of a literal whose value names something.
func dropField(name string) operator { return dropFromLiteral(name, false) }

func dropFromLiteral(name string, whole bool) operator {
	return func(f *function) ([]edit, error) {
		m, err := f.one(name)
		if err != nil {
			return nil, err
		}
		for i := len(m.around) - 1; i >= 0; i-- {
			literal, ok := m.around[i].(*ast.CompositeLit)
			if !ok {
				continue
			}
			element, _ := m.next(i).(ast.Expr)
			_, field := element.(*ast.KeyValueExpr)
			if slices.Contains(literal.Elts, element) && field != whole {
				return []edit{f.without(literal.Elts, element)}, nil
			}
		}
		return nil, fmt.Errorf("%s: %s is in no literal", nameOf(f.decl), name)
	}
}

// without removes an element together with the comma beside it.
func (f *function) without(elements []ast.Expr, element ast.Expr) edit {
	at := slices.Index(elements, element)
	if at+1 < len(elements) {
		return edit{element.Pos(), elements[at+1].Pos(), ""}
	}
	if at > 0 {
		return edit{elements[at-1].End(), element.End(), ""}
	}
	end := element.End()
	if strings.HasPrefix(string(f.text[f.fset.Position(end).Offset:]), ",") {
		end++
	}
	return edit{element.Pos(), end, ""}
}

// never makes a condition false: the operand of && or || that names something.
func never(name string) operator { return decide(name, "(false && (", "))") }

// always makes such a condition true.
func always(name string) operator { return decide(name, "(true || (", "))") }

func decide(name, before, after string) operator {
	return func(f *function) ([]edit, error) {
		m, err := f.one(name)
		if err != nil {
			return nil, err
		}
		operand := ast.Node(m.expr)
		for i := len(m.around) - 1; i >= 0; i-- {
			if endsOperand(m.around[i]) {
				break
			}
			operand = m.around[i]
		}
		if _, ok := operand.(ast.Expr); !ok {
			return nil, fmt.Errorf("%s: %s is in no condition", nameOf(f.decl), name)
		}
		return []edit{{operand.Pos(), operand.Pos(), before}, {operand.End(), operand.End(), after}}, nil
	}
}

// endsOperand reports whether a node holds conditions, in place of being part of one.
func endsOperand(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return n.Op == token.LAND || n.Op == token.LOR
	case *ast.ParenExpr, ast.Stmt:
		return true
	}
	return false
}

// swap puts one expression in the place of another, wherever the function names it.
func swap(name, with string) operator {
	return func(f *function) (edits []edit, err error) {
		for _, m := range f.mentions(name) {
			edits = append(edits, edit{m.expr.Pos(), m.expr.End(), with})
		}
		if len(edits) == 0 {
			return nil, fmt.Errorf("%s does not name %s", nameOf(f.decl), name)
		}
		return edits, nil
	}
}

// now runs a deferred call at once.
func now(name string) operator {
	return func(f *function) (edits []edit, err error) {
		ast.Inspect(f.decl.Body, func(n ast.Node) bool {
			if d, ok := n.(*ast.DeferStmt); ok && f.source(d.Call.Fun) == name {
				edits = append(edits, edit{d.Pos(), d.Call.Pos(), ""})
			}
			return true
		})
		if len(edits) != 1 {
			return nil, fmt.Errorf("%s defers %s %d times, not once", nameOf(f.decl), name, len(edits))
		}
		return edits, nil
	}
}

// answer makes the function return at once.
func answer(values string) operator {
	return func(f *function) ([]edit, error) {
		begin := f.decl.Body.Lbrace + 1
		return []edit{{begin, begin, "\nif true { return " + values + " }\n"}}, nil
	}
}

// forwards turns the function's only loop from the last element to the first around.
func forwards() operator {
	return func(f *function) (edits []edit, err error) {
		ast.Inspect(f.decl.Body, func(n ast.Node) bool {
			loop, ok := n.(*ast.ForStmt)
			if !ok {
				return true
			}
			first, isAssignment := loop.Init.(*ast.AssignStmt)
			last, isComparison := loop.Cond.(*ast.BinaryExpr)
			step, isStep := loop.Post.(*ast.IncDecStmt)
			if isAssignment && isComparison && isStep && step.Tok == token.DEC && last.Op == token.GEQ {
				edits = append(edits,
					edit{first.Rhs[0].Pos(), first.Rhs[0].End(), f.source(last.Y)},
					edit{last.OpPos, last.Y.End(), "<= " + f.source(first.Rhs[0])},
					edit{step.TokPos, step.TokPos + 2, "++"})
			}
			return true
		})
		if len(edits) != 3 {
			return nil, fmt.Errorf("%s has no loop backwards, or several", nameOf(f.decl))
		}
		return edits, nil
	}
}
