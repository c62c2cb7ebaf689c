package nft

import (
	"maps"
	"sync"
)

// cache holds what was read of the rules of some network namespaces, so that it need not be read
// again.
//
// The kernel counts every change of rules, of all processes in a network namespace: the generation.
// What was read of a generation is true while the count stays. The kernel applies a batch of ours
// only to the generation that it was made for; after the batch everything is still true except what
// the batch changed. After any other change nothing is.
//
// The cache holds only what cannot change without being counted: no elements of sets that packets
// can add to, nothing with a timeout, and nothing of tables that go with a process (see
// Reader.keep). A namespace is identified by its cookie, which is not given again before the host
// restarts.
//
// Safe for concurrent use; the zero value is ready.
type cache struct {
	mu     sync.Mutex
	spaces []space // the latest last
}

// space is what is known of a network namespace. Its facts are never changed, only replaced.
type space struct {
	cookie     uint64
	generation uint32
	facts      facts
}

// fact names something that can be known.
type fact struct {
	about subject
	table Table
	name  string
}

type facts map[fact]any

type subject byte

const (
	ofTable     subject = iota // wire.Table
	ofChain                    // *Chain
	ofChains                   // []Chain of a table
	ofSet                      // bool: whether it exists
	ofSetNames                 // []string of a table
	ofRules                    // []Rule of a chain
	ofIptables                 // []IptablesRule of a chain
	ofRanges                   // []Element of an interval set
	ofPortRules                // []PortRule of a chain
)

// Limits of the cache. Beyond them all of a namespace is dropped.
const (
	maxSpaces = 4
	maxFacts  = 1 << 10
	maxKept   = 1 << 14 // rules and other parts of lists
)

// get returns what is known about a namespace, and the generation it is from. The cookie 0 stands
// for an unknown namespace.
func (c *cache) get(cookie uint64) (uint32, facts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.find(cookie); s != nil {
		return s.generation, s.facts
	}
	return 0, nil
}

func (c *cache) find(cookie uint64) *space {
	for i := range c.spaces {
		if c.spaces[i].cookie == cookie {
			return &c.spaces[i]
		}
	}
	return nil
}

// add adds what was read of a generation. What is known of a later one stays.
func (c *cache) add(cookie uint64, generation uint32, read facts) {
	if len(read) == 0 || cookie == 0 {
		return
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(cookie)
	switch {
	case s == nil:
		c.make(cookie, generation, read)
	case s.generation == generation:
		s.facts = s.facts.with(read)
	case isLater(generation, s.generation):
		s.generation, s.facts = generation, read.with(nil)
	}
}

// advance records that a batch was the change from one generation to the next, and what it changed.
// It adds what was read before the batch.
func (c *cache) advance(cookie uint64, from, to uint32, read facts, changed map[fact]bool) {
	if cookie == 0 {
		return
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(cookie)
	if s == nil {
		s = c.make(cookie, from, nil)
	}
	switch {
	case s.generation == from:
		s.generation, s.facts = to, s.facts.with(read).without(changed)
	case isLater(to, s.generation):
		s.generation, s.facts = to, read.without(changed)
	}
}

// make adds a namespace. If there are too many, it drops the one that was added first.
func (c *cache) make(cookie uint64, generation uint32, read facts) *space {
	if len(c.spaces) >= maxSpaces {
		c.spaces = append(c.spaces[:0], c.spaces[1:]...)
	}
	c.spaces = append(c.spaces, space{cookie, generation, read.with(nil)})
	return &c.spaces[len(c.spaces)-1]
}

// isLater compares generations, which begin again after the highest.
func isLater(a, b uint32) bool { return int32(a-b) > 0 }

// with returns the facts and some more.
func (f facts) with(more facts) facts {
	if len(more) == 0 && f != nil {
		return f
	}

	all := make(facts, len(f)+len(more))
	maps.Copy(all, f)
	maps.Copy(all, more)
	if len(all) > maxFacts || all.size() > maxKept {
		return facts{}
	}
	return all
}

func (f facts) without(changed map[fact]bool) facts {
	left := f
	for c := range changed {
		if _, found := left[c]; found {
			if len(left) == len(f) {
				left = maps.Clone(f)
			}
			delete(left, c)
		}
	}
	return left
}

func (f facts) size() (n int) {
	for _, value := range f {
		switch list := value.(type) {
		case []Rule:
			n += len(list)
		case []IptablesRule:
			n += len(list)
		case []Element:
			n += len(list)
		case []PortRule:
			n += len(list)
		case []Chain:
			n += len(list)
		case []string:
			n += len(list)
		}
	}
	return n
}
