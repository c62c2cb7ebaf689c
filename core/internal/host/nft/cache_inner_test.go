package nft

import (
	"context"
	"os/exec"
	"testing"

	"github.com/libcni/libcni/core/internal/host/netns/netnstest"
)

// look reads something with the memory of a pool, and returns what the pool remembers then.
func look(t *testing.T, pool *Sockets, read func(*Reader)) (generation uint32, known facts) {
	t.Helper()
	var cookie uint64
	if err := View(pool.With(context.Background()), func(r *Reader) error {
		read(r)
		cookie = r.c.Cookie
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return pool.cache.get(cookie)
}

func TestOwnBatchesKeepTheRest(t *testing.T) {
	netnstest.Host(t)
	pool, state := &Sockets{}, t.TempDir()
	ctx := pool.With(context.Background())
	touched, rest := Chain{Table: Own(Inet), Name: "touched"}, Chain{Table: Own(Inet), Name: "rest"}
	rule := Rule{Chain: touched, Exprs: Accept()}
	set := Set{Table: Own(Inet), Name: "set", Key: []Type{IPv4Addr}}
	read := func(r *Reader) {
		for _, c := range []Chain{touched, rest} {
			if _, err := r.Rules(c); err != nil {
				t.Error(err)
			}
		}
	}
	if err := Update(ctx, state, func(tx *Tx) error {
		tx.Ensure(touched, rest, set)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	before, _ := look(t, pool, read)
	for name, change := range map[string]func(*Tx){
		"rule":                 func(tx *Tx) { read(tx.Reader); tx.AddRule(rule) },
		"rule and no question": func(tx *Tx) { tx.AddRule(rule) },
		"element":              func(tx *Tx) { tx.AddElements(set, Element{Key: []byte("once")}) },
	} {
		if err := Update(ctx, state, func(tx *Tx) error { change(tx); return nil }); err != nil {
			t.Fatal(err)
		}
		after, known := look(t, pool, func(*Reader) {})
		if after != before+1 {
			t.Errorf("%s: generation %d is remembered, want %d", name, after, before+1)
		}
		if _, found := known[fact{ofRules, rest.Table, rest.Name}]; !found {
			t.Errorf("%s: the other chain was forgotten", name)
		}
		if _, found := known[fact{ofRules, touched.Table, touched.Name}]; found != (name == "element") {
			t.Errorf("%s: the chain is remembered: %v", name, found)
		}
		before, _ = look(t, pool, read)
	}
	if err := Update(ctx, state, func(tx *Tx) error {
		tx.AddElements(set, Element{Key: []byte("same")})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	before, _ = look(t, pool, read)
	if err := Update(ctx, state, func(tx *Tx) error {
		tx.AddElements(set, Element{Key: []byte("same")})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if after, _ := look(t, pool, func(*Reader) {}); after != before {
		t.Errorf("generation %d is remembered after a batch that changed nothing, want %d", after, before)
	}
}

func TestInterruptedReadingIsNotRemembered(t *testing.T) {
	netnstest.Host(t)
	pool := &Sockets{}
	c, err := open(pool.With(context.Background()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Done()
	r := newReader(c, true)
	if _, err := r.HasTable(Own(Inet)); err != nil {
		t.Fatal(err)
	}
	c.Interrupted = true
	r.remember()
	if _, known := pool.cache.get(c.Cookie); known != nil {
		t.Errorf("remembered: %v", known)
	}
	if changed, err := r.changed(); !changed || err != nil {
		t.Errorf("not taken for changed, %v", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	var m cache
	for i := range uint64(10) {
		m.add(i+1, 1, facts{fact{name: "a"}: true})
	}
	if len(m.spaces) != maxSpaces {
		t.Errorf("%d namespaces", len(m.spaces))
	}
	m.add(10, 1, facts{fact{name: "b"}: make([]Rule, maxKept+1)})
	if _, known := m.get(10); len(known) != 0 {
		t.Errorf("%d facts", len(known))
	}
	m.add(0, 1, facts{fact{name: "a"}: true})
	if _, known := m.get(0); known != nil {
		t.Error("something without a cookie is remembered")
	}
}

func TestGenerationsOfTheCache(t *testing.T) {
	a, b := fact{name: "a"}, fact{name: "b"}
	for _, test := range []struct {
		name       string
		then       func(*cache)
		generation uint32
		a, b       bool
	}{
		{"the same", func(m *cache) { m.add(1, 5, facts{b: true}) }, 5, true, true},
		{"an earlier one", func(m *cache) { m.add(1, 4, facts{b: true}) }, 5, true, false},
		{"a later one", func(m *cache) { m.add(1, 6, facts{b: true}) }, 6, false, true},
		{"a batch", func(m *cache) { m.advance(1, 5, 6, facts{b: true}, nil) }, 6, true, true},
		{"a batch that touches", func(m *cache) {
			m.advance(1, 5, 6, facts{b: true}, map[fact]bool{a: true})
		}, 6, false, true},
		{"a batch that touches what was read", func(m *cache) {
			m.advance(1, 5, 6, facts{b: true}, map[fact]bool{b: true})
		}, 6, true, false},
		{"a batch of later", func(m *cache) { m.advance(1, 7, 8, facts{b: true}, nil) }, 8, false, true},
		{"a batch of before", func(m *cache) { m.advance(1, 3, 4, facts{b: true}, nil) }, 5, true, false},
		{"a batch, reported late", func(m *cache) {
			m.add(1, 6, facts{b: true})
			m.advance(1, 5, 6, facts{a: true}, nil)
		}, 6, false, true},
	} {
		var m cache
		m.add(1, 5, facts{a: true})
		_, before := m.get(1)
		test.then(&m)
		generation, known := m.get(1)
		if generation != test.generation || (known[a] != nil) != test.a || (known[b] != nil) != test.b {
			t.Errorf("%s: %v of generation %d", test.name, known, generation)
		}
		if len(before) != 1 {
			t.Errorf("%s: what was handed out has changed", test.name)
		}
	}
}

func TestCountSomeReadsOnlyTheStart(t *testing.T) {
	netnstest.Host(t)
	ctx := (&Sockets{}).With(context.Background())
	set := Set{Table: Own(Inet), Name: "set", Key: []Type{IPv4Addr}}
	for _, many := range []int{0, 1, 9, 5000} {
		if err := Update(ctx, t.TempDir(), func(tx *Tx) error {
			tx.Ensure(set)
			var elements []Element
			for i := range many {
				elements = append(elements, Element{Key: []byte{10, 9, byte(i >> 8), byte(i)},
					Comment: "of another tool"})
			}
			if many > 0 {
				tx.AddElements(set, elements...)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		n, err := countSome(ctx, set)
		if err != nil || n != many && (many < 10 || n < 10 || n > many/2) {
			t.Errorf("of %d elements it counts %d, %v", many, n, err)
		}
	}
	if out, err := exec.Command("nft", "delete", "table", "inet",
		"libcni").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n, err := countSome(ctx, set); n != 0 || err != nil {
		t.Errorf("of no set it counts %d, %v", n, err)
	}
}
