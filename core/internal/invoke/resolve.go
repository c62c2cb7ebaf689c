package invoke

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/similar"
)

// Resolve selects the implementation of a plugin type. With a configuration, a built-in is selected
// only if it supports every key of the configuration; otherwise the executable is used in the modes
// that allow it, and without one the error, of kind unsupported, names the key. Nothing is cached:
// each call sees what is installed at that moment.
func (r *Runner) Resolve(pluginType string, config []byte) (Target, error) {
	if err := validateType(pluginType); err != nil {
		return Target{}, err
	}

	exists, unsupported := r.builtin(pluginType, config)
	usable := exists && unsupported == ""
	builtin := Target{Type: pluginType, Builtin: true}
	if usable && r.Mode != Fallback {
		return builtin, nil // without reading the directories
	}

	executable, err := r.executable(pluginType)
	if err != nil {
		return Target{}, err
	}

	switch {
	case executable.Path != "":
		return executable, nil
	case usable:
		return builtin, nil
	case exists:
		return Target{}, r.refuseKey(pluginType, unsupported)
	default:
		return Target{}, r.notFound(pluginType)
	}
}

// Executable returns the executable of a plugin type, in any mode: only it knows what it attached.
func (r *Runner) Executable(pluginType string) (Target, error) {
	if err := validateType(pluginType); err != nil {
		return Target{}, err
	}
	target, err := r.findExecutable(pluginType)
	if err != nil || target.Path != "" {
		return target, err
	}
	e := fault.New(fault.KindPluginNotFound, nil, "plugin %s: the attachment was made by an "+
		"executable, which is needed here and is not in %s", pluginType, r.directories())
	e.Details = r.ignoredCandidates(pluginType)
	e.Plugin = &fault.Plugin{Type: pluginType}
	return Target{}, e
}

// Usable reports whether a target that was selected earlier, perhaps by another process, still
// exists, in any mode: a plugin's work is undone by the implementation that did it.
func (r *Runner) Usable(t Target) bool {
	if validateType(t.Type) != nil {
		return false
	}
	if t.Builtin {
		return r.Catalog != nil && r.Catalog(t.Type) != nil
	}
	found, err := isExecutable(t.Path)
	// If it cannot be checked, for lack of descriptors for example, nothing else is run in its place.
	return filepath.IsAbs(t.Path) && (found || err != nil)
}

// List returns what Resolve would select for each existing type, sorted by type.
func (r *Runner) List() []Target {
	var targets []Target
	for _, pluginType := range r.names() {
		if target, err := r.Resolve(pluginType, nil); err == nil {
			targets = append(targets, target)
		}
	}

	return targets
}

// Unlistable returns an error, of package fs, for each directory that exists but cannot be listed.
func (r *Runner) Unlistable() (errs []error) {
	for _, dir := range r.PluginDirs {
		err := file.Names(dir, func([]string) error { return nil })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errs
}

// names returns the names of the built-ins and of what is in the directories, sorted.
func (r *Runner) names() []string {
	var types []string
	if r.Types != nil {
		types = r.Types()
	}

	for _, dir := range r.PluginDirs {
		entries, err := file.Directory(dir)
		if err != nil {
			continue // one that does not exist counts as empty; Unlistable reports the others
		}

		for _, entry := range entries {
			types = append(types, entry.Name())
		}
	}

	slices.Sort(types)
	return slices.Compact(types)
}

// similarType returns the usable type whose name is most similar to an unknown one, or "".
func (r *Runner) similarType(pluginType string) string {
	var usable []string
	for _, name := range r.names() {
		builtin, _ := r.builtin(name, nil)
		if similar.Name(pluginType, []string{name}) == "" {
			continue // without a look at the file
		}
		if executable, _ := r.executable(name); builtin || executable.Path != "" {
			usable = append(usable, name)
		}
	}
	return similar.Name(pluginType, usable)
}

// validateType keeps a type from leading out of the plugin directories.
func validateType(pluginType string) error {
	switch {
	case pluginType == "":
		return fault.InvalidConfig("type", "plugin type is empty: give the name of a plugin")
	case strings.ContainsAny(pluginType, "/\x00"), pluginType[0] == '.':
		return fault.InvalidConfig("type",
			"plugin type %q is not allowed: it must be a file name without '/' and NUL that does not "+
				"begin with '.'", pluginType)
	default:
		return nil
	}
}

// builtin reports whether there is a built-in that the mode allows, and returns the first key of
// the configuration that it does not support.
func (r *Runner) builtin(pluginType string, config []byte) (exists bool, unsupported string) {
	if r.Mode == Never || r.Catalog == nil {
		return false, ""
	}
	p := r.Catalog(pluginType)
	if p == nil {
		return false, ""
	}
	if len(config) > 0 {
		unsupported = p.Unsupported(config)
	}
	return true, unsupported
}

// executable returns the first executable regular file of that name, if the mode allows one.
// Without one the target is empty.
func (r *Runner) executable(pluginType string) (Target, error) {
	if r.Mode == Only {
		return Target{}, nil
	}
	return r.findExecutable(pluginType)
}

// findExecutable is executable in any mode.
func (r *Runner) findExecutable(pluginType string) (Target, error) {
	for _, dir := range r.PluginDirs {
		if dir == "" {
			continue
		}

		path := filepath.Join(dir, pluginType)
		found, err := isExecutable(path)
		if err != nil {
			return Target{}, fault.New(fault.KindState, err, "plugin %s: find the executable", pluginType)
		}

		if found {
			return Target{Type: pluginType, Path: path}, nil
		}
	}

	return Target{}, nil
}

// isExecutable returns an error if the file cannot be checked.
func isExecutable(path string) (bool, error) {
	info, err := os.Stat(path)
	if err == nil {
		return info.Mode().IsRegular() && info.Mode()&0o111 != 0, nil
	}
	for _, absent := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.ELOOP,
		syscall.ENAMETOOLONG} {
		if errors.Is(err, absent) {
			return false, nil
		}
	}
	return false, err
}

func (r *Runner) refuseKey(pluginType, key string) error {
	advice := "install the executable in one of " + r.directories()
	if r.Mode == Only {
		advice = `options.builtins is "only", which excludes the executable`
	}
	e := fault.New(fault.KindUnsupported, nil,
		"plugin %s: the built-in does not support the key %s; %s", pluginType, key, advice)
	e.Details = key
	e.Plugin = &fault.Plugin{Type: pluginType, Builtin: true}
	return e
}

func (r *Runner) notFound(pluginType string) error {
	var e *fault.Error
	switch r.Mode {
	case Only:
		e = fault.New(fault.KindPluginNotFound, nil,
			`plugin %s: not built in, and options.builtins is "only"`, pluginType)
	case Never:
		e = fault.New(fault.KindPluginNotFound, nil,
			`plugin %s: no executable of that name in %s, and options.builtins is "never"`,
			pluginType, r.directories())
	default:
		e = fault.New(fault.KindPluginNotFound, nil,
			"plugin %s: not built in, and no executable of that name in %s", pluginType, r.directories())
	}

	if nearest := r.similarType(pluginType); nearest != "" {
		e.Msg += "; did you mean " + nearest + "?"
	}
	e.Details = r.ignoredCandidates(pluginType)
	e.Plugin = &fault.Plugin{Type: pluginType}
	return e
}

func (r *Runner) directories() string {
	if len(r.PluginDirs) == 0 {
		return "options.pluginDirs, which is empty"
	}
	return strings.Join(r.PluginDirs, ", ")
}

// ignoredCandidates lists what has the plugin's name but is not an executable file.
func (r *Runner) ignoredCandidates(pluginType string) string {
	var found []string
	for _, dir := range r.PluginDirs {
		path := filepath.Join(dir, pluginType)
		info, err := os.Stat(path)
		switch {
		case r.Mode == Only || err != nil:
		case !info.Mode().IsRegular():
			found = append(found, path+" is not a regular file")
		default:
			found = append(found, path+" is not executable")
		}
	}
	return strings.Join(found, "; ")
}
