package conf

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// form is what a text may contain.
type form int

const (
	listOrPlugin form = iota
	listOnly          // a .conflist file
)

// Parse reads a configuration list, or the configuration of a single plugin. The error is a
// *fault.Error of kind invalid-config with the key in Details. The list aliases data, which the
// caller must not change.
func Parse(data []byte) (*List, error) {
	list, err := parse(data, listOrPlugin)
	if err == nil && len(list.Plugins) == 0 {
		err = jsonobject.Errorf("plugins",
			"missing; give a list of plugins, or a type if the configuration is that of a single plugin")
	}
	if err != nil {
		return nil, invalid("network configuration", list, err)
	}
	return list, nil
}

// invalid returns the error for the caller. where is the file, or a description of the text.
func invalid(where string, list *List, err error) *fault.Error {
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}

	e := fault.InvalidConfig("", "%s: %v", where, err)
	var wrong *jsonobject.Error
	if errors.As(err, &wrong) {
		e.Details = wrong.Key
	}
	if list != nil && ValidateNetworkName(list.Name) == nil {
		e.Network = list.Name
	}
	return e
}

// parse reads a text. A list without plugins is valid, because a directory may add some. With an
// error it returns what it could read, so that the file of a network is found by its name even if
// it is invalid.
func parse(data []byte, form form) (*List, error) {
	raw, err := jsonobject.Normalize(data, jsonobject.Duplicates)
	if err != nil {
		return nil, err
	}

	members, err := jsonobject.Parse(raw)
	if err != nil {
		return nil, err
	}

	_, isList := members.Get("plugins")
	_, typed := members.Get("type")
	single := typed && !isList && form == listOrPlugin
	if single {
		if raw, members, err = enlist(raw, members); err != nil {
			return nil, err
		}
	}

	list := &List{Raw: raw, members: members, single: single}
	return list, list.read()
}

// enlist wraps the configuration of a single plugin in a list with its name and version. Like each
// key of a plugin, and unlike one of a list, these count as absent if they are null.
func enlist(raw jsontext.Value,
	plugin jsonobject.Object) (jsontext.Value, jsonobject.Object, error) {
	var list jsonobject.Object
	for _, key := range []string{"cniVersion", "name"} {
		if value, found := plugin.Get(key); found && value.Kind() != 'n' {
			list = append(list, jsonobject.Member{Name: key, Value: value})
		}
	}

	array := make([]byte, 0, len(raw)+2)
	array = append(append(append(array, '['), raw...), ']')
	list = append(list, jsonobject.Member{Name: "plugins", Value: array})
	raw = append(list.Append([]byte{'{'}), '}')
	list, err := jsonobject.Parse(raw)
	return raw, list, err
}

// read reads the members that this package knows. The name comes first: see parse.
func (l *List) read() error {
	name, err := l.text("name")
	if err != nil {
		return err
	}

	l.Name = name
	if err := checkName(name); err != nil {
		return err
	}

	if l.CNIVersion, err = l.version(); err != nil {
		return err
	}
	if l.DisableCheck, err = l.flag("disableCheck"); err != nil {
		return err
	}
	if l.DisableGC, err = l.flag("disableGC"); err != nil {
		return err
	}
	if l.inlinedOnly, err = l.flag("loadOnlyInlinedPlugins"); err != nil {
		return err
	}

	return l.readPlugins()
}

func (l *List) readPlugins() error {
	value, found := l.members.Get("plugins")
	if !found {
		if l.inlinedOnly {
			return jsonobject.Errorf("plugins",
				"missing; loadOnlyInlinedPlugins is true, so the list itself must contain the plugins")
		}

		return nil
	}

	elements, err := jsonobject.Elements(value)
	if err != nil {
		return jsonobject.Errorf("plugins", "%v", err)
	}

	if len(elements) == 0 {
		return jsonobject.Errorf("plugins", "empty; give at least one plugin")
	}

	l.Plugins = make([]Plugin, len(elements))
	for i, element := range elements {
		if l.Plugins[i], err = parsePlugin(element); err != nil && !l.single {
			err = within("plugins"+index(i), err)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

// text returns a string of the list, or "".
func (l *List) text(key string) (string, error) {
	value, found := l.members.Get(key)
	if !found {
		return "", nil
	}
	text, ok := jsonobject.String(value)
	if !ok {
		return "", jsonobject.Errorf(key, "expected a string, got %s", jsonobject.Describe(value.Kind()))
	}
	return text, nil
}

// flag returns a boolean of the list. It may be written as a string.
func (l *List) flag(key string) (bool, error) {
	value, found := l.members.Get(key)
	switch kind := value.Kind(); {
	case !found, kind == 'f':
		return false, nil
	case kind == 't':
		return true, nil
	case kind != '"':
		return false, jsonobject.Errorf(key, "expected true or false, got %s", jsonobject.Describe(kind))
	}

	text, _ := jsonobject.String(value)
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}

	return false, jsonobject.Errorf(key, "expected true or false, got %q", text)
}
