package conf

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/jsonobject"
)

// ParseFile reads a file: a single plugin, or a list with its drop-ins, which are the files *.conf
// in the directory of the network's name beside the file. The error is a *fault.Error of kind
// invalid-config, network-not-found if the file does not exist, or state if it cannot be read.
func ParseFile(path string) (*List, error) {
	list, err := parseFile(path)
	if err != nil {
		return nil, invalid(path, list, err)
	}
	return list, nil
}

// parseFile is ParseFile, but also returns with an error what it could read; see parse.
func parseFile(path string) (*List, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}

	form := listOrPlugin
	if filepath.Ext(path) == ".conflist" {
		form = listOnly
	}

	list, err := parse(data, form)
	if err != nil {
		return list, err
	}

	list.File = path
	if !list.single && !list.inlinedOnly {
		if err := list.addDropIns(filepath.Join(filepath.Dir(path), list.Name)); err != nil {
			return list, err
		}
	}
	if len(list.Plugins) > 0 {
		return list, nil
	}

	advice := "give at least one"
	if _, typed := list.members.Get("type"); typed {
		advice = "the configuration of a single plugin must be in a file named *.conf"
	}

	return list, jsonobject.Errorf("plugins", "missing; %s", advice)
}

// readFile reads a regular file. Other files, which could block the caller, are refused.
func readFile(path string) ([]byte, error) {
	data, err := file.ReadTrusted(path, jsonobject.MaxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.KindNetworkNotFound, nil, "%s: no such network configuration file",
			path)
	case errors.Is(err, file.ErrIrregular):
		return nil, jsonobject.Errorf("", "not a regular file")
	case errors.Is(err, file.ErrTooLarge):
		return nil, jsonobject.Errorf("", "too large; %d MiB are allowed", jsonobject.MaxSize>>20)
	case err != nil:
		return nil, unreadable(path, err)
	}
	return data, nil
}

func unreadable(path string, err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fault.New(fault.KindState, err, "%s: cannot read the file", path)
}

// files lists the files of a directory that have one of the extensions, sorted by name.
func files(dir string, extensions ...string) ([]string, error) {
	entries, err := file.Directory(dir)
	if err == nil {
		err = file.CheckTrusted(dir)
	}
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, entry := range entries {
		if !entry.IsDir() && slices.Contains(extensions, filepath.Ext(entry.Name())) {
			paths = append(paths, filepath.Join(dir, entry.Name()))
		}
	}
	return paths, nil
}

// addDropIns appends the plugins of a drop-in directory, if it exists.
func (l *List) addDropIns(dir string) error {
	paths, err := files(dir, ".conf")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return unreadable(dir, err)
	}

	for _, path := range paths {
		p, err := dropIn(path)
		if err != nil {
			return invalid(path, l, err)
		}

		l.Plugins = append(l.Plugins, p)
	}

	if len(paths) > 0 {
		l.inline()
	}

	return nil
}

func dropIn(path string) (Plugin, error) {
	data, err := readFile(path)
	if err != nil {
		return Plugin{}, err
	}
	raw, err := jsonobject.Normalize(data, jsonobject.Duplicates)
	if err != nil {
		return Plugin{}, err
	}
	return parsePlugin(raw)
}

// inline rewrites the list with all its plugins.
func (l *List) inline() {
	array := []byte{'['}
	for i, p := range l.Plugins {
		if i > 0 {
			array = append(array, ',')
		}

		array = append(array, p.Raw...)
	}

	plugins := jsonobject.Member{Name: "plugins", Value: jsontext.Value(append(array, ']'))}
	members := slices.Clone(l.members)
	if at := members.Index("plugins"); at >= 0 {
		plugins.Name = members[at].Name
		members[at] = plugins
	} else {
		members = append(members, plugins)
	}

	l.members = members
	l.Raw = append(members.Append([]byte{'{'}), '}')
}
