package invoke

import (
	"strings"

	"github.com/libcni/libcni/core/plugin"
)

// environment returns the environment of a plugin process: the base without CNI's variables, then
// those that the specification's section 2 "Parameters" defines for the command. It keeps the order
// of the base; if a name is repeated, the last value counts. CNI_NETNS_OVERRIDE is not a parameter
// but an option of many plugins, and is passed on.
func environment(base []string, inv *plugin.Invocation, pluginDirs []string) []string {
	values := make(map[string]string, len(base))
	for _, pair := range base {
		if name, _, ok := strings.Cut(pair, "="); ok && name != "" {
			values[name] = pair
		}
	}

	env := make([]string, 0, len(values)+6)
	for _, pair := range base {
		name, _, _ := strings.Cut(pair, "=")
		passes := !strings.HasPrefix(name, "CNI_") || name == "CNI_NETNS_OVERRIDE"
		if latest, ok := values[name]; ok && passes {
			env = append(env, latest)
			delete(values, name)
		}
	}

	return append(env, parameters(inv, pluginDirs)...)
}

func parameters(inv *plugin.Invocation, pluginDirs []string) []string {
	path := "CNI_PATH=" + strings.Join(pluginDirs, ":")
	containerID, netns, ifName := inv.ContainerID, inv.NetnsPath, inv.IfName
	switch inv.Command {
	case plugin.GC, plugin.Status:
		return []string{"CNI_COMMAND=" + inv.Command, path}
	case plugin.Version:
		// Plugins built against old versions of the CNI library require these before they answer. The
		// namespace is not a real one, in case a plugin mistakes the command for another.
		containerID, netns, ifName = "version", "none", "version"
	}

	return []string{
		"CNI_COMMAND=" + inv.Command, "CNI_CONTAINERID=" + containerID,
		"CNI_NETNS=" + netns, "CNI_IFNAME=" + ifName, "CNI_ARGS=" + inv.Args.String(), path,
	}
}
