package volume

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/libcni/libcni/core/internal/host/file"
)

// Found is a plugin that has been located.
type Found struct {
	Name    string
	Address Address
	File    string // the socket, or the .spec or .json file; "" for an address
}

// maxFile is the largest .spec or .json file that is read.
const maxFile = 1 << 20

// extensions are in the order of precedence.
var extensions = [...]string{".sock", ".spec", ".json"}

// errNoPlugin means that no file has the plugin's name.
var errNoPlugin = errors.New("no such plugin")

// fileError is the error of a file that has a plugin's name but no valid address.
type fileError struct {
	file string
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// BadFile returns the file that an error of Discover concerns, and the plugin's name; "" for a
// directory.
func BadFile(err error) (name, file string) {
	var bad *fileError
	if !errors.As(err, &bad) {
		return "", ""
	}
	base := filepath.Base(bad.file)
	if filepath.Ext(base) == "" {
		return "", bad.file
	}
	return strings.TrimSuffix(base, filepath.Ext(base)), bad.file
}

// find looks for a plugin by name, in Docker's order: sockets before files, .spec before .json, and
// in each directory NAME.ext before NAME/NAME.ext. The name is that of the file; the name
// inside the file is ignored.
func find(name string, dirs []string) (Found, error) {
	for _, dir := range dirs {
		for _, path := range candidates(dir, name, ".sock") {
			if isSocket(path) {
				return Found{name, Address{Scheme: schemeUnix, Path: path}, path}, nil
			}
		}
	}
	for _, dir := range dirs {
		for _, extension := range extensions[1:] {
			for _, file := range candidates(dir, name, extension) {
				found, err := read(name, file)
				if !isAbsent(err) {
					return found, err
				}
			}
		}
	}
	return Found{}, errNoPlugin
}

// isAbsent reports whether there is no such file, or its directory is a file.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func candidates(dir, name, extension string) []string {
	return []string{filepath.Join(dir, name+extension), filepath.Join(dir, name, name+extension)}
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Type() == fs.ModeSocket
}

// read reads a .spec or .json file.
func read(name, file string) (Found, error) {
	data, err := readFile(file)
	if err != nil {
		return Found{}, &fileError{file, err}
	}
	found := Found{Name: name, File: file}
	if strings.HasSuffix(file, ".json") {
		found.Address, err = parseJSON(data)
	} else {
		found.Address, err = ParseAddress(string(data))
	}
	if err != nil {
		return Found{}, &fileError{file, err}
	}
	return found, nil
}

// readFile reads a regular file. A FIFO in its place does not block.
func readFile(path string) ([]byte, error) {
	data, err := file.Read(path, maxFile)
	switch {
	case errors.Is(err, file.ErrIrregular):
		return nil, file.ErrIrregular
	case errors.Is(err, file.ErrTooLarge):
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	return data, err
}

func parseJSON(data []byte) (Address, error) {
	var file struct {
		Name, Addr string
		TLSConfig  *TLSFiles
	}
	if err := json.Unmarshal(bytes.TrimSpace(data), &file); err != nil {
		return Address{}, err
	}
	a, err := ParseAddress(file.Addr)
	a.TLS = file.TLSConfig
	return a, err
}

// Discover returns the plugins that can be found by name, sorted, and an error for each file that
// has a plugin's name but no valid address, and for each directory that cannot be listed. It does
// not connect to the plugins.
func Discover(settings Settings) ([]Found, []error) {
	var all []Found
	names, bad := names(settings)
	for _, name := range names {
		switch found, err := settings.locate(name); {
		case err == nil:
			all = append(all, found)
		case !errors.Is(err, errNoPlugin):
			bad = append(bad, err)
		}
	}
	return all, bad
}

// names returns the names that have a file, or an address in the settings, and the errors of
// directories that exist.
func names(settings Settings) (names []string, bad []error) {
	for name := range settings.Named {
		names = append(names, name)
	}
	for _, dir := range settings.Dirs {
		entries, err := file.Directory(dir)
		if err != nil && !isAbsent(err) { // Docker's directories may be missing
			bad = append(bad, &fileError{dir, err})
		}
		for _, entry := range entries {
			extension := filepath.Ext(entry.Name())
			switch {
			case slices.Contains(extensions[:], extension):
				names = append(names, strings.TrimSuffix(entry.Name(), extension))
			default:
				names = append(names, entry.Name()) // may be a directory with the file
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return ValidateName(name) != nil
	}), bad
}

// ValidateName rejects names that cannot be part of a path.
func ValidateName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") ||
		len(name) > 200 {
		return fmt.Errorf("plugin %q: invalid name: use 1 to 200 bytes with no / and no NUL, or an "+
			"address that begins with unix://, tcp://, http:// or https://", name)
	}
	return nil
}

// locate finds a plugin by name, or parses its address.
func (s *Settings) locate(nameOrAddress string) (Found, error) {
	if IsAddress(nameOrAddress) {
		address, err := ParseAddress(nameOrAddress)
		return Found{Address: address}, err
	}
	if err := ValidateName(nameOrAddress); err != nil {
		return Found{}, err
	}
	where, given := s.Named[nameOrAddress]
	if !given {
		return find(nameOrAddress, s.Dirs)
	}
	parse := ParseAddress
	if !IsAddress(where) {
		parse = parseSocket // as in Podman's [engine.volume_plugins]
	}
	address, err := parse(where)
	return Found{Name: nameOrAddress, Address: address}, err
}
