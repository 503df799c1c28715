package route

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Bounds on one condition. It has no loop, so what it costs is bounded by its
// size and by the text it reads.
const (
	maxMatch = 4 << 10 // bytes
	maxNodes = 400
)

// condition is a `match` that was checked and compiled.
type condition struct {
	program *vm.Program
	reads   []variable
}

// compile checks and compiles a condition. Its errors say at which column they
// are: they are the user's mistakes.
func (n *names) compile(match string) (*condition, error) {
	if len(match) > maxMatch {
		return nil, fmt.Errorf("%d bytes long; a condition has at most %d", len(match), maxMatch)
	}
	config := n.language()
	tree, err := parser.ParseWithConfig(match, config)
	if err != nil {
		return nil, located(err)
	}
	r := rewriter{names: n, source: match, reads: map[string]variable{}}
	r.rewrite(&tree.Node)
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	config.WithEnv(r.samples())
	if _, err := checker.Check(tree, config); err != nil {
		return nil, located(err)
	}
	if err := r.checkStrings(tree.Node); err != nil {
		return nil, err
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return nil, located(err)
	}
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, errors.New(firstLine(err.Error()))
	}
	reads := slices.Collect(maps.Values(r.reads))
	return &condition{program: program, reads: reads}, nil
}

// language is the part of expr that a condition may be written in: values and
// operators, and the functions of strings that read only.
func (n *names) language() *conf.Config {
	config := conf.New(map[string]any{})
	for _, f := range builtin.Builtins {
		if !slices.Contains(functions, f.Name) {
			config.Disabled[f.Name] = true
			delete(config.Builtins, f.Name)
		}
	}
	config.MaxNodes = maxNodes
	config.Expect = reflect.Bool
	config.ExpectAny = false
	return config
}

var functions = []string{"len", "lower", "upper", "trim"}

// located says where an error of expr lies, in one line.
func located(err error) error {
	var at *file.Error
	if errors.As(err, &at) && at.Line > 0 {
		return fmt.Errorf("%s: %s", position(at.Line, at.Column), firstLine(at.Message))
	}
	message := firstLine(err.Error())
	if other, ok := strings.CutPrefix(message, "expected bool, but got "); ok {
		return fmt.Errorf("a condition is true or false, this is of type %s", other)
	}
	return errors.New(message)
}

func position(line, column int) string {
	if line > 1 {
		return fmt.Sprintf("line %d, column %d", line, column+1)
	}
	return fmt.Sprintf("column %d", column+1)
}

// rewriter checks that a condition uses only what it may, and puts a flat name
// in place of each of author.followers, has.link, intent("sales"), track("brand").
type rewriter struct {
	names    *names
	source   string
	reads    map[string]variable
	problems []error
}

func (r *rewriter) wrong(n ast.Node, format string, args ...any) {
	e := &file.Error{Location: n.Location()}
	e.Bind(file.NewSource(r.source))
	r.problems = append(r.problems, fmt.Errorf("%s: %s", position(e.Line, e.Column), fmt.Sprintf(format, args...)))
}

// samples holds a value of the type of each name that is read.
func (r *rewriter) samples() map[string]any {
	all := map[string]any{}
	for name, v := range r.reads {
		all[name] = v.sample
	}
	return all
}

func (r *rewriter) rewrite(p *ast.Node) {
	switch n := (*p).(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
	case *ast.IdentifierNode:
		r.read(p, n.Value, n)
	case *ast.MemberNode:
		r.member(p, n)
	case *ast.CallNode:
		r.call(p, n)
	case *ast.BuiltinNode:
		for i := range n.Arguments {
			r.rewrite(&n.Arguments[i])
		}
	case *ast.UnaryNode:
		r.rewrite(&n.Node)
	case *ast.BinaryNode:
		r.binary(n)
	case *ast.ConditionalNode:
		r.rewrite(&n.Cond)
		r.rewrite(&n.Exp1)
		r.rewrite(&n.Exp2)
	case *ast.ArrayNode:
		r.wrong(n, "a list stands only after \"in\"")
	default:
		r.wrong(n, "%s cannot be used in a condition", n)
	}
}

// read puts the variable called name in the place of *p.
func (r *rewriter) read(p *ast.Node, name string, at ast.Node) {
	v, ok := r.names.variables[name]
	if !ok {
		r.wrong(at, "unknown name %q (have %s)", name, r.names.known())
		return
	}
	r.reads[v.name] = v
	ast.Patch(p, &ast.IdentifierNode{Value: v.name})
}

// member reads author.followers and has.link.
func (r *rewriter) member(p *ast.Node, n *ast.MemberNode) {
	owner, isName := n.Node.(*ast.IdentifierNode)
	property, isField := n.Property.(*ast.StringNode)
	if !isName || !isField || n.Optional {
		r.wrong(n, "%s cannot be used in a condition", n)
		return
	}
	r.read(p, owner.Value+"."+property.Value, owner)
}

// call reads intent("support") and track("brand").
func (r *rewriter) call(p *ast.Node, n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		r.wrong(n, "%s cannot be used in a condition", n)
		return
	}
	known, ok := r.names.calls[callee.Value]
	if !ok {
		have := append(slices.Sorted(maps.Keys(r.names.calls)), functions...)
		r.wrong(callee, "unknown function %q (have %s)", callee.Value, strings.Join(have, ", "))
		return
	}
	if len(n.Arguments) != 1 {
		r.wrong(callee, "%s takes one name, such as %s", callee.Value, known.example())
		return
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		r.wrong(callee, "%s takes a name in quotes, such as %s", callee.Value, known.example())
		return
	}
	if !slices.Contains(known.arguments, name.Value) {
		r.wrong(name, "no %s named %q (have %s)", callee.Value, name.Value, list(known.arguments))
		return
	}
	v := known.variable(name.Value)
	r.reads[v.name] = v
	ast.Patch(p, &ast.IdentifierNode{Value: v.name})
}

var operators = []string{
	"==", "!=", "<", "<=", ">", ">=", "&&", "and", "||", "or", "+", "-", "*", "/",
	"contains", "startsWith", "endsWith",
}

func (r *rewriter) binary(n *ast.BinaryNode) {
	r.closed(n)
	r.rewrite(&n.Left)
	switch {
	case n.Operator == "matches":
		// A pattern that is a value would be chosen by whoever wrote the post.
		if _, ok := n.Right.(*ast.StringNode); !ok {
			r.wrong(n, "the pattern after \"matches\" must be written in quotes")
		}
	case n.Operator == "in":
		r.among(n)
	case slices.Contains(operators, n.Operator):
		r.rewrite(&n.Right)
	default:
		r.wrong(n, "the operator %q cannot be used in a condition", n.Operator)
	}
}

// among checks what stands after "in": ["de", "at"] or 9..17.
func (r *rewriter) among(n *ast.BinaryNode) {
	switch right := n.Right.(type) {
	case *ast.ArrayNode:
		for i := range right.Nodes {
			if !constant(right.Nodes[i]) {
				r.wrong(right.Nodes[i], "a list holds values only, such as [\"de\", \"at\"]")
			}
		}
		if len(right.Nodes) == 0 {
			r.wrong(n, "nothing is in an empty list")
		}
		return
	case *ast.BinaryNode:
		_, from := right.Left.(*ast.IntegerNode)
		_, to := right.Right.(*ast.IntegerNode)
		if right.Operator == ".." && from && to {
			r.span(n, right)
			return
		}
	}
	r.wrong(n, "after \"in\" stands a list such as [\"de\", \"at\"] or a range such as 9..17")
}

// span writes x in a..b as two comparisons: a range itself would be built in
// memory, of any length.
func (r *rewriter) span(n *ast.BinaryNode, span *ast.BinaryNode) {
	at := n.Location()
	low := &ast.BinaryNode{Operator: ">=", Left: n.Left, Right: span.Left}
	high := &ast.BinaryNode{Operator: "<=", Left: n.Left, Right: span.Right}
	low.SetLocation(at)
	high.SetLocation(at)
	n.Operator, n.Left, n.Right = "and", low, high
}

func constant(n ast.Node) bool {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode:
		return true
	}
	return false
}

// closed finds a word that a name can never be: urgency == "hihg".
func (r *rewriter) closed(n *ast.BinaryNode) {
	if n.Operator != "==" && n.Operator != "!=" && n.Operator != "in" {
		return
	}
	v := r.variableOf(n.Left)
	other := n.Right
	if v == nil {
		v, other = r.variableOf(n.Right), n.Left
	}
	if v == nil || v.words == nil {
		return
	}
	values := []ast.Node{other}
	if l, ok := other.(*ast.ArrayNode); ok {
		values = l.Nodes
	}
	for _, value := range values {
		if s, ok := value.(*ast.StringNode); ok && !slices.Contains(v.words, s.Value) {
			r.wrong(s, "%s is never %q (it is one of %s)", v.name, s.Value, list(v.words))
		}
	}
}

func (r *rewriter) variableOf(n ast.Node) *variable {
	if id, ok := n.(*ast.IdentifierNode); ok {
		if v, ok := r.names.variables[id.Value]; ok {
			return &v
		}
	}
	return nil
}

// checkStrings refuses to add texts: each + of a sum may double what is held.
func (r *rewriter) checkStrings(n ast.Node) error {
	var visit finder = func(p *ast.Node) {
		if b, ok := (*p).(*ast.BinaryNode); ok && b.Operator == "+" && b.Type().Kind() == reflect.String {
			r.wrong(b, "texts cannot be added")
		}
	}
	ast.Walk(&n, visit)
	return errors.Join(r.problems...)
}

type finder func(*ast.Node)

func (f finder) Visit(n *ast.Node) { f(n) }
