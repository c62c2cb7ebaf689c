// Package schema reads the JSON Schema of configurations, and finds the keys of a configuration
// that its schema does not have.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/similar"
)

// Schema is the schema of a configuration list, with a definition for each built-in plugin.
type Schema struct {
	text        jsontext.Value
	definitions map[string]jsontext.Value
}

// Parse reads a schema.
func Parse(text []byte) (*Schema, error) {
	s := &Schema{text: text}
	err := jsonobject.Decode(text, jsonobject.Fields{{"$defs", &s.definitions}})
	return s, err
}

// List returns the schema of a configuration list.
func (s *Schema) List() jsontext.Value { return s.text }

// Definition returns a schema for one definition, with those that it refers to.
func (s *Schema) Definition(name string) (jsontext.Value, error) {
	needed := map[string]jsontext.Value{}
	s.collect(name, needed)
	return json.Marshal(struct {
		Dialect     string                    `json:"$schema"`
		Title       string                    `json:"title"`
		Ref         string                    `json:"$ref"`
		Definitions map[string]jsontext.Value `json:"$defs"`
	}{dialect, name, references + name, needed})
}

const (
	dialect    = "https://json-schema.org/draft/2020-12/schema"
	references = "#/$defs/"
)

// collect adds a definition and those that it refers to, directly or through others.
func (s *Schema) collect(name string, needed map[string]jsontext.Value) {
	text, found := s.definitions[name]
	if _, seen := needed[name]; seen || !found {
		return
	}
	needed[name] = text
	for other := range s.definitions {
		if bytes.Contains(text, []byte(`"`+references+other+`"`)) {
			s.collect(other, needed)
		}
	}
}

// Key is a key of a configuration that its schema does not have.
type Key struct {
	Path    string // such as "ipam.ranges[0][0].subnett"
	Nearest string // the name of the most similar key at that place, or ""
}

// UnknownInList returns the keys of a configuration list, but not of its plugins, that are unknown
// and similar to a known one.
func (s *Schema) UnknownInList(list jsontext.Value) ([]Key, error) {
	root := new(node)
	if err := json.Unmarshal(s.text, root); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := comparison{}
	err := c.object(root.withoutValues(), list, "")
	return c.found, err
}

// Unknown returns the keys of a value that its definition does not have. Names match in any case,
// as plugins read them. Keys that begin with "x-" are left out. Where a schema permits further
// keys, only those count that are similar to a known one.
func (s *Schema) Unknown(definition string, value jsontext.Value) ([]Key, error) {
	root := new(node)
	if err := json.Unmarshal(s.text, root); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := comparison{definitions: root.Definitions}
	err := c.compare(&node{Ref: references + definition}, value, "")
	return c.found, err
}

// node is the part of a schema that says which keys there are.
type node struct {
	Ref         string           `json:"$ref"`
	AnyOf       []*node          `json:"anyOf"`
	Properties  map[string]*node `json:"properties"`
	Items       *node            `json:"items"`
	Additional  json.RawMessage  `json:"additionalProperties"`
	Definitions map[string]*node `json:"$defs"`
}

// withoutValues returns an object with the same keys, whose values may be anything.
func (n *node) withoutValues() *node {
	keys := &node{Properties: map[string]*node{}, Additional: n.Additional}
	for name := range n.Properties {
		keys.Properties[name] = &node{}
	}
	return keys
}

// maxFound bounds the keys that are found; more say nothing more.
const maxFound = 100

// comparison is one walk through a value and its schema.
type comparison struct {
	definitions map[string]*node
	found       []Key
}

func (c *comparison) compare(n *node, value jsontext.Value, path string) error {
	n = c.resolve(n)
	if n == nil {
		return nil
	}

	switch value.Kind() {
	case '{':
		return c.object(n, value, path)
	case '[':
		return c.list(n, value, path)
	}
	return nil
}

// resolve follows references, also the one of a key that may be null.
func (c *comparison) resolve(n *node) *node {
	for n != nil {
		switch {
		case n.Ref != "":
			n = c.definitions[strings.TrimPrefix(n.Ref, references)]
		case len(n.AnyOf) > 0 && n.AnyOf[0].Ref != "":
			n = n.AnyOf[0]
		default:
			return n
		}
	}
	return nil
}

func (c *comparison) object(n *node, value jsontext.Value, path string) error {
	if n.Properties == nil {
		return nil
	}

	members, err := jsonobject.Parse(value)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	for _, m := range members {
		if len(c.found) == maxFound {
			return nil
		}
		at := join(path, m.Name)
		if known := n.key(m.Name); known != nil {
			if err := c.compare(known, m.Value, at); err != nil {
				return err
			}
			continue
		}

		nearest := similar.Name(m.Name, n.names())
		closed := string(n.Additional) == "false"
		if !strings.HasPrefix(m.Name, "x-") && (closed || nearest != "") {
			c.found = append(c.found, Key{at, nearest})
		}
	}
	return nil
}

func (c *comparison) list(n *node, value jsontext.Value, path string) error {
	if n.Items == nil {
		return nil
	}

	elements, err := jsonobject.Elements(value)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	for i, element := range elements {
		if err := c.compare(n.Items, element, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

// key returns the schema of a member, or nil.
func (n *node) key(name string) *node {
	if exact := n.Properties[name]; exact != nil {
		return exact
	}
	for known, within := range n.Properties {
		if strings.EqualFold(known, name) {
			return within
		}
	}
	return nil
}

func (n *node) names() []string {
	var names []string
	for name := range n.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
