// Package released holds the description of each release, and finds the changes to a description
// that break programs written against a release.
package released

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/libcni/libcni/api/model"
)

// Breaks lists what programs that were written against an old description lose with a new one.
// Keys, functions, kinds and values of enumerations may be added, and requests may accept more.
func Breaks(old, new *model.API) []string {
	c := comparison{}
	if old.ABI != new.ABI {
		return nil // another library, which may differ in everything
	}
	if old.Soname != new.Soname {
		c.report("the soname changed from %s to %s, but abi did not", old.Soname, new.Soname)
	}
	c.functions(old, new)
	c.kinds(old, new)
	c.request("capabilityArgs", old.CapabilityArgs, new.CapabilityArgs)
	c.builtins(old, new)
	c.response("error", old.Error, new.Error)
	c.files(old, new)
	return c.found
}

// comparison collects what is found. It enters each pair of objects once.
type comparison struct {
	found []string
	seen  map[pair]bool
}

type pair struct {
	old, new *model.Type
	request  bool
}

func (c *comparison) report(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.found, text) {
		c.found = append(c.found, text)
	}
}

func (c *comparison) functions(old, new *model.API) {
	if new.MaxRequestBytes < old.MaxRequestBytes {
		c.report("maxRequestBytes: %d is less than %d", new.MaxRequestBytes, old.MaxRequestBytes)
	}
	for _, was := range old.Functions {
		is := named(new.Functions, was.Name, func(f *model.Function) string { return f.Name })
		switch {
		case is == nil:
			c.report("%s is gone", was.Name)
			continue
		case is.Prototype != was.Prototype:
			c.report("%s: the prototype changed", was.Name)
		case is.Method != was.Method:
			c.report("%s: the method changed", was.Name)
		case is.Since != was.Since:
			c.report("%s: since changed", was.Name)
		case is.Cancellable != was.Cancellable:
			c.report("%s: cancellable changed", was.Name)
		}
		c.function(was, is)
	}
	for _, was := range old.Callbacks {
		is := named(new.Callbacks, was.Name, func(c *model.Callback) string { return c.Name })
		if is == nil || is.Prototype != was.Prototype {
			c.report("%s is gone, or its prototype changed", was.Name)
			continue
		}
		c.response(was.Name, was.Event, is.Event)
	}
}

func (c *comparison) function(was, is *model.Function) {
	for _, key := range was.Keys {
		if !is.Uses(key.Name) {
			c.report("%s: key %s is no longer used", was.Name, key.Name)
		}
	}
	for i, key := range was.Positional {
		if i >= len(is.Positional) || is.Positional[i].Name != key.Name {
			c.report("%s: positional keys changed", was.Name)
		}
	}
	for _, code := range was.Codes {
		if !slices.ContainsFunc(is.Codes, func(now model.Code) bool { return now.Code == code.Code }) {
			c.report("%s: code %d is gone", was.Name, code.Code)
		}
	}
	if was.Request != nil {
		c.request(was.Name+" request", was.Request, is.Request)
	}
	if was.Response != nil {
		c.response(was.Name+" response", was.Response, is.Response)
	}
}

// files compares what libcni writes and reads: both versions must understand the files of the
// other.
func (c *comparison) files(old, new *model.API) {
	for _, was := range old.Files {
		is := named(new.Files, was.Name, func(f *model.File) string { return f.Name })
		if is == nil || is.Path != was.Path {
			c.report("file %s is gone, or its path changed", was.Name)
			continue
		}
		c.request("file "+was.Name, was.Content, is.Content)
		c.response("file "+was.Name, was.Content, is.Content)
	}
}

func (c *comparison) kinds(old, new *model.API) {
	for _, was := range old.Kinds {
		is := named(new.Kinds, was.Name, func(k *model.Kind) string { return k.Name })
		switch {
		case is == nil:
			c.report("kind %s is gone", was.Name)
		case !slices.Equal(is.Errnos, was.Errnos):
			c.report("kind %s: errno changed", was.Name)
		case is.Code != was.Code:
			c.report("kind %s: the code changed", was.Name)
		case is.Retryable != was.Retryable:
			c.report("kind %s: retryable changed", was.Name)
		}
	}
}

func (c *comparison) builtins(old, new *model.API) {
	for _, was := range old.Builtins {
		is := named(new.Builtins, was.Type, func(b *model.Builtin) string { return b.Type })
		if is == nil {
			c.report("plugin %s is gone", was.Type)
			continue
		}
		c.request("plugin "+was.Type, was.Config, is.Config)
		for _, capability := range was.Capabilities {
			if named(is.Capabilities, capability.Name, func(k *model.Key) string { return k.Name }) == nil {
				c.report("plugin %s: capability %s is gone", was.Type, capability.Name)
			}
		}
		for _, arg := range was.Args {
			if !slices.Contains(is.Args, arg) {
				c.report("plugin %s: argument %s is gone", was.Type, arg)
			}
		}
	}
}

// request compares objects that programs write.
func (c *comparison) request(where string, old, new *model.Type) {
	if !c.enter(old, new, true) {
		return
	}
	if old.Open && !new.Open {
		c.report("%s: unknown keys are no longer accepted", where)
	}
	c.keys(where, old, new, func(where string, was, is *model.Key) {
		if is.Required && !was.Required {
			c.report("%s became required", where)
		}
		if !bytes.Equal(is.Default, was.Default) {
			c.report("%s: the default changed", where)
		}
		c.key(where, was, is, true)
	})
	for _, is := range new.Keys {
		if is.Required && old.Key(is.Name) == nil {
			c.report("%s.%s is new and required", where, is.Name)
		}
	}
	if len(new.Choices) > 0 && !sameChoices(old, new) {
		c.report("%s: other keys are required", where)
	}
}

func sameChoices(old, new *model.Type) bool {
	sameKey := func(a, b *model.Key) bool { return a.Name == b.Name }
	sameChoice := func(a, b []*model.Key) bool { return slices.EqualFunc(a, b, sameKey) }
	return old.Exclusive == new.Exclusive && slices.EqualFunc(old.Choices, new.Choices, sameChoice)
}

// response compares objects that programs read.
func (c *comparison) response(where string, old, new *model.Type) {
	if !c.enter(old, new, false) {
		return
	}
	c.keys(where, old, new, func(where string, was, is *model.Key) {
		if was.Required && !is.Required {
			c.report("%s may be absent now", where)
		}
		c.key(where, was, is, false)
	})
}

// keys calls compare for each key that both objects have, and reports the keys that are gone.
func (c *comparison) keys(where string, old, new *model.Type,
	compare func(where string, was, is *model.Key)) {
	for _, was := range old.Keys {
		where := where + "." + was.Name
		if is := new.Key(was.Name); is != nil {
			compare(where, was, is)
		} else {
			c.report("%s is gone", where)
		}
	}
}

func (c *comparison) key(where string, was, is *model.Key, request bool) {
	if is.Unit != was.Unit {
		c.report("%s: the unit changed", where)
	}
	if is.Since != was.Since {
		c.report("%s: since changed", where)
	}
	c.value(where, was.Value, is.Value, request)
}

// enter reports whether two objects have to be compared.
func (c *comparison) enter(old, new *model.Type, request bool) bool {
	if old == nil || new == nil {
		return false
	}
	p := pair{old, new, request}
	if c.seen[p] {
		return false
	}
	if c.seen == nil {
		c.seen = map[pair]bool{}
	}
	c.seen[p] = true
	return true
}

func named[T any](list []*T, name string, of func(*T) string) *T {
	for _, item := range list {
		if of(item) == name {
			return item
		}
	}
	return nil
}
