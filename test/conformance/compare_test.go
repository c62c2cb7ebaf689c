package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// difference is a place where the two sides are not the same. A value is JSON, or "absent".
type difference struct{ at, reference, ours string }

func (d difference) String() string {
	return fmt.Sprintf("%s\n\treference: %s\n\tours:      %s", d.at, d.reference, d.ours)
}

const absent = "absent"

// compare walks two JSON values and returns where they differ.
func compare(at string, reference, ours any) []difference {
	switch r := reference.(type) {
	case object:
		if o, ok := ours.(object); ok {
			return compareObjects(at, r, o)
		}
	case []any:
		if o, ok := ours.([]any); ok && len(o) == len(r) {
			var found []difference
			for i := range r {
				found = append(found, compare(fmt.Sprintf("%s[%d]", at, i), r[i], o[i])...)
			}
			return found
		}
	}
	if a, b := text(reference), text(ours); a != b {
		return []difference{{at, a, b}}
	}
	return nil
}

func compareObjects(at string, reference, ours object) []difference {
	keys := []string{}
	for key := range reference {
		keys = append(keys, key)
	}
	for key := range ours {
		if _, both := reference[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var found []difference
	for _, key := range keys {
		r, inReference := reference[key]
		o, inOurs := ours[key]
		switch below := at + "." + key; {
		case !inReference:
			found = append(found, difference{below, absent, text(o)})
		case !inOurs:
			found = append(found, difference{below, text(r), absent})
		default:
			found = append(found, compare(below, r, o)...)
		}
	}
	return found
}

func text(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// normalizer replaces what differs by chance: directories, random MAC addresses, and random names
// in the order they are met.
type normalizer struct {
	dirs map[string]string
	seen map[string]string
}

func newNormalizer(dirs map[string]string) *normalizer {
	return &normalizer{dirs: dirs, seen: map[string]string{}}
}

// given begins MAC addresses that a test gives, so that they are compared.
const given = "02:11:22:"

var (
	randomMAC  = regexp.MustCompile(`\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b`)
	randomName = regexp.MustCompile(`\bveth[0-9a-f]{8,11}\b`)
)

func (n *normalizer) text(s string) string {
	for dir, name := range n.dirs {
		s = strings.ReplaceAll(s, dir, name)
	}
	s = randomMAC.ReplaceAllStringFunc(s, func(mac string) string {
		if strings.HasPrefix(mac, given) {
			return mac
		}
		return "MAC" // a bridge without an address takes those of its ports
	})
	return randomName.ReplaceAllStringFunc(s, func(name string) string { return n.number(name) })
}

func (n *normalizer) number(name string) string {
	if n.seen[name] == "" {
		n.seen[name] = fmt.Sprint("VETH", len(n.seen)+1)
	}
	return n.seen[name]
}

// json decodes a value, keys sorted first so that both sides meet things in the same order.
func (n *normalizer) json(t testing.TB, data []byte) any {
	t.Helper()
	return decode(t, []byte(n.text(text(decode(t, data)))))
}

// decode keeps integers as they are written.
func decode(t testing.TB, data []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return value
}
