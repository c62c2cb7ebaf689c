package main

import (
	"regexp"
	"strings"

	"github.com/libcni/libcni/core"
)

// flagNames are the flags that stand for keys of a request. Nothing writes to them.
var flagNames = map[string]string{
	"options.confDir": "--conf-dir", "options.pluginDirs": "--plugin-dir",
	"options.cacheDir": "--cache-dir", "options.stateDir": "--state-dir",
	"options.owner": "--owner", "options.builtins": "--builtins",
	"options.timeoutMs": "--timeout", "options.rollbackTimeoutMs": "--rollback-timeout",
	"options.rollback": "--no-rollback", "options.onExisting": "--on-existing",
	"options.volumePluginDirs": "--volume-plugin-dir", "options.volumeRetryMs": "--retry",
	"options.volumeReload": "--reload", "networkFile": "--network-file", "asOf": "--as-of",
	"capabilityArgs": "--cap-args", "ifName": "--ifname", "containerId": "--id",
}

// keyWord matches quoted text, which is a value, and words that may be keys of a request.
var keyWord = regexp.MustCompile(
	`"(?:[^"\\]|\\.)*"|(?:options\.)?[a-zA-Z][\w./-]*(?:\[\d+\])?|/[\w./-]*`)

var forced = strings.NewReplacer("run DEL with force", "run cni del with --force",
	"set force", "use --force")

// inFlags puts flags in place of the keys of a request that a message of the library names. The
// message of a plugin stays as it is, and so does that on a configuration, which has keys as well.
func inFlags(e *core.Error, text string) string {
	switch e.Kind {
	case "plugin-failed", "volume-plugin-failed", "invalid-config", "bug":
		if !strings.HasPrefix(text, "run DEL with force ") { // the library's own advice
			return text
		}
	}
	return keyWord.ReplaceAllStringFunc(forced.Replace(text), func(word string) string {
		key, _, _ := strings.Cut(strings.TrimRight(word, "."), "[")
		if flag := flagNames[key]; flag != "" && e.Plugin == nil {
			return flag
		}
		return word
	})
}
