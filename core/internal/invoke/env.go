package invoke

import (
	"strings"

	"github.com/libcni/libcni/core/plugin"
)

// environment is what a plugin process gets: the base without CNI's variables, then those that the specification's
// section 2 "Parameters" gives the command. The order is that of the base, and of several values of a name the last
// counts. CNI_NETNS_OVERRIDE is no parameter but a switch of many plugins, and passes.
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
		if latest, ok := values[name]; ok && (!strings.HasPrefix(name, "CNI_") || name == "CNI_NETNS_OVERRIDE") {
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
		// Plugins built against old versions of the CNI library look for these before they answer. No namespace is
		// named, in case one mistakes the command for another.
		containerID, netns, ifName = "version", "none", "version"
	}
	return []string{
		"CNI_COMMAND=" + inv.Command, "CNI_CONTAINERID=" + containerID, "CNI_NETNS=" + netns, "CNI_IFNAME=" + ifName,
		"CNI_ARGS=" + inv.Args.String(), path,
	}
}
