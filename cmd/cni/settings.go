package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// request is the JSON object of a request, being built.
type request map[string]any

// settings are the flags every verb takes.
type settings struct {
	confDir, cacheDir, stateDir string
	pluginDirs                  []string
	owner, builtins             string
	timeout                     string
	ifName                      string
	json, verbose               bool
}

func (s *settings) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&s.confDir, "conf-dir", "",
		"`directory` of network configurations (default $NETCONFPATH, else /etc/cni/net.d)")
	flags.StringArrayVar(&s.pluginDirs, "plugin-dir", nil,
		"`directory` of plugin executables; may be repeated (default $CNI_PATH, else /opt/cni/bin, "+
			"/usr/libexec/cni, /usr/lib/cni)")
	flags.StringVar(&s.cacheDir, "cache-dir", "",
		"`directory` of the attachments, shared with other CNI runtimes (default /var/lib/cni)")
	flags.StringVar(&s.stateDir, "state-dir", "",
		"`directory` of state that ends with the boot; one per host network namespace (default /run/cni)")
	flags.StringVar(&s.owner, "owner", "",
		"`name` of the owner of attachments; gc only removes those of its owner (default libcni)")
	flags.StringVar(&s.builtins, "builtins", "",
		"`mode` of built-in plugins: prefer, fallback, only or never (default prefer)")
	flags.StringVar(&s.timeout, "timeout", "",
		"`duration` after which the request fails, such as 90s; 0 for no limit (default 60s, for "+
			"volumes 2m)")
	flags.StringVarP(&s.ifName, "ifname", "i", "",
		"`name` of the interface in the container (default $CNI_IFNAME, else eth0)")
	flags.BoolVar(&s.json, "json", false, "print the JSON answer or error object on standard output")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "print to standard error which plugins ran")
	complete(root, "builtins", "prefer", "fallback", "only", "never")
	for _, flag := range []string{"conf-dir", "plugin-dir", "cache-dir", "state-dir"} {
		completeDirectory(root, flag)
	}
}

// request begins a request with its options. Only flags that were given are set; the engine has the
// defaults.
func (a *app) request() (request, error) {
	options := map[string]any{}
	for key, dir := range map[string]string{"confDir": first(a.confDir, a.env("NETCONFPATH")),
		"cacheDir": a.cacheDir, "stateDir": a.stateDir} {
		if err := setPath(options, key, dir); err != nil {
			return nil, err
		}
	}

	set(options, "owner", a.owner)
	set(options, "builtins", a.builtins)
	if err := a.setPluginDirs(options); err != nil {
		return nil, err
	}

	if err := setDuration(options, "timeoutMs", "--timeout", a.timeout); err != nil {
		return nil, err
	}

	r := request{}
	if len(options) > 0 {
		r["options"] = options
	}

	return r, nil
}

func (a *app) setPluginDirs(options map[string]any) error {
	dirs := a.pluginDirs
	if len(dirs) == 0 {
		dirs = filepath.SplitList(a.env("CNI_PATH"))
	}

	var found []string
	for _, dir := range dirs {
		path, err := filepath.Abs(dir)
		if err != nil {
			return err
		}

		if dir != "" { // CNI_PATH=":/opt/cni/bin" does not mean the current directory
			found = append(found, path)
		}
	}

	if found != nil {
		options["pluginDirs"] = found
	}

	return nil
}

func set(object map[string]any, key, value string) {
	if value != "" {
		object[key] = value
	}
}

func setPath(object map[string]any, key, path string) error {
	if path == "" {
		return nil
	}
	absolute, err := filepath.Abs(path)
	object[key] = absolute
	return err
}

func setDuration(object map[string]any, key, flag, text string) error {
	switch text {
	case "":
		return nil
	case "0":
		object[key] = 0
		return nil
	}

	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return usage("%s %s: give a duration such as 90s or 2m, or 0 for no limit", flag, text)
	}

	object[key] = max(d.Milliseconds(), 1) // 0 would mean no limit
	if d == 0 {
		object[key] = 0
	}

	return nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// usageError is an invalid command line; nothing was done.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, values ...any) error {
	return &usageError{fmt.Sprintf(format, values...)}
}
