package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/libcni/libcni/core/internal/fault"
)

// shownNames is the number of names that an error lists at most.
const shownNames = 10

// Find loads the network of a name from a directory: the first in the order of Scan. An invalid
// file does not hide a valid one. The error is a *fault.Error: that of the network's own file if it
// is known, otherwise network-not-found with a list of the networks found.
func Find(dir, name string) (*List, error) {
	paths, err := configFiles(dir)
	if err != nil {
		return nil, noDirectory(dir, name, err)
	}

	var names []string
	var bad []FileError
	var own error
	for _, path := range paths {
		list, err := parseFile(path)
		switch {
		case err == nil && list.Name == name:
			return list, nil
		case err == nil:
			names = append(names, list.Name)
			continue
		}

		err = invalid(path, list, err)
		bad = append(bad, fileError(path, err))
		if own == nil && list != nil && list.Name == name {
			own = err
		}
	}

	if own != nil {
		return nil, own
	}

	return nil, notFound(dir, name, names, bad)
}

// Scan loads all networks of a directory: the files *.conflist in the order of their names, then
// *.conf and *.json. If several have the same name, the first counts and the others are errors. So
// is a missing directory. The error is of kind state if the directory cannot be read.
func Scan(dir string) ([]*List, []FileError, error) {
	paths, err := configFiles(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, []FileError{{File: dir, Msg: directoryError(dir, err)}}, nil
	}
	if err != nil {
		e := fault.New(fault.KindState, err, "")
		e.Msg = directoryError(dir, err)
		return nil, nil, e
	}

	var lists []*List
	var bad []FileError
	where := map[string]string{}
	for _, path := range paths {
		list, err := parseFile(path)
		if err != nil {
			bad = append(bad, fileError(path, invalid(path, list, err)))
			continue
		}

		if first, taken := where[list.Name]; taken {
			msg := fmt.Sprintf("ignored: network %s is defined in %s", list.Name, first)
			bad = append(bad, FileError{File: path, Msg: msg})
			continue
		}

		where[list.Name] = path
		lists = append(lists, list)
	}

	return lists, bad, nil
}

// fileError removes the path from the message. The message keeps it if it is that of an invalid
// drop-in.
func fileError(path string, err error) FileError {
	return FileError{File: path, Msg: strings.TrimPrefix(err.Error(), path+": ")}
}

func configFiles(dir string) ([]string, error) {
	lists, err := files(dir, ".conflist")
	if err != nil {
		return nil, err
	}
	singles, err := files(dir, ".conf", ".json")
	return append(lists, singles...), err
}

func directoryError(dir string, err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("the configuration directory %s does not exist", dir)
	}
	return fmt.Sprintf("the configuration directory cannot be used: %v", err)
}

func noDirectory(dir, name string, err error) error {
	kind, cause := fault.KindState, err
	if errors.Is(err, fs.ErrNotExist) {
		kind, cause = fault.KindNetworkNotFound, nil
	}
	e := fault.New(kind, cause, "")
	e.Msg = fmt.Sprintf("network %s: %s", name, directoryError(dir, err))
	e.Network = name
	return e
}

func notFound(dir, name string, names []string, bad []FileError) error {
	var msg strings.Builder
	fmt.Fprintf(&msg, "network %s: not found in %s; ", name, dir)
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		msg.WriteString("there are no networks")
	case len(names) > shownNames:
		fmt.Fprintf(&msg, "there are %s and %d more", strings.Join(names[:shownNames], ", "),
			len(names)-shownNames)
	default:
		fmt.Fprintf(&msg, "there are: %s", strings.Join(names, ", "))
	}

	for i, file := range bad {
		if i == shownNames {
			fmt.Fprintf(&msg, "; and %d more invalid files", len(bad)-i)
			break
		}

		fmt.Fprintf(&msg, "; invalid file: %v", file)
	}

	e := fault.New(fault.KindNetworkNotFound, nil, "%s", msg.String())
	e.Network = name
	return e
}
