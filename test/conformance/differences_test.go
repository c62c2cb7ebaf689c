package conformance

import (
	"regexp"
	"testing"
)

// intended is a difference there is on purpose: where it is, what each side has there, and the
// reason. All three are regular expressions for the whole text.
type intended struct{ at, reference, ours, reason string }

// requestDifferences are those in what plugins are given and in what the caller is answered, over
// executables.
func requestDifferences() []intended {
	return []intended{
		// What a plugin is given.
		{
			`\S+ \S+\.stdin\.capabilities`, `{.*}`, absent,
			"the specification: capabilities must not be in a request",
		},
		{
			`\S+ \S+\.stdin\.x-big`, `18446744073709552000`, `18446744073709551615`,
			"integers above 2^53 stay exact",
		},
		{`\S+ \S+\.stdin\.x-a\.Z\[1\]`, `2\.5`, `2\.50`, "numbers stay as they are written"},
		{`\S+ \S+\.stdin\.cniVersion`, `""`, `"0\.2\.0"`, "the upgrade guide: no cniVersion means 0.2.0"},
		{
			`ADD tuning\.stdin\.prevResult\.cniVersion`, `"0\.1\.0"`, `"0\.2\.0"`,
			"follows from no cniVersion being 0.2.0",
		},
		{
			`(GC|STATUS) \S+\.env\.CNI_(ARGS|CONTAINERID|IFNAME|NETNS)`, `""`, absent,
			"the specification: no parameters of GC and STATUS",
		},
		{
			`VERSION \S+\.env\.CNI_(CONTAINERID|IFNAME)`, `""|"dummy"`, `"version"`,
			"only there for plugins that look for them before they answer",
		},
		{
			`VERSION \S+\.env\.CNI_NETNS`, `"dummy"`, `"none"`,
			"only there for plugins that look for it before they answer",
		},
		{
			`VERSION \S+\.env\.CNI_PATH`, `"dummy"`, `"PLUGINS"`,
			"where plugins are is the same for all commands",
		},
		{
			`DEL \S+\.env\.CNI_NETNS`, `""`, `"DIR/netns"`,
			"DEL without a namespace works on the one remembered, as long as it is the container's",
		},
		{
			`DEL \S+\.env\.CNI_NETNS`, `"DIR/netns"`, `""`,
			"a path that leads nowhere is not named: the specification has an empty one for that",
		},
		{
			`GC \S+\.stdin\.cni\.dev/(valid-)?attachments`, `\[\]`,
			`\[{"containerID":"c1","ifname":"eth0"}\]`,
			"GC spares an attachment younger than a minute, and lists it for the plugins to",
		},

		// Which plugins are called.
		{
			`validate calls`, `VERSION bridge(, .*)?`, `VERSION bridge, VERSION (host-local|static)(, .*)?`,
			"validate asks the IPAM plugin, too",
		},
		{
			`gc calls`, `DEL tuning, DEL bridge, DEL host-local, GC bridge, GC tuning`,
			`GC bridge, GC tuning`, "GC spares an attachment younger than a minute",
		},
		{
			`add calls`, `ADD bridge(, .*)?`, `ADD bridge(, .*)?, DEL bridge(, DEL host-local)?`,
			"a failed ADD is undone",
		},
		{`add calls`, `ADD bridge, ADD host-local`, ``, "nothing is run when a plugin is missing"},
		{
			`add calls`, `ADD firewall`, `ADD firewall, VERSION firewall, ADD firewall(, .*)?`,
			"the upgrade guide: after code 1 ask VERSION and try again",
		},
		{
			`del calls`, `DEL tuning, DEL bridge`, `DEL bridge`,
			"a plugin whose ADD was never run gets no DEL",
		},
		{`check calls`, `CHECK .*`, ``, "keys of a list match in any case, as those of a plugin do"},

		// What the caller is answered.
		{
			`add answer\.result\.cniVersion`, `"0\.1\.0"`, `"0\.2\.0"`,
			"follows from no cniVersion being 0.2.0",
		},
		{
			`add answer\.details`, absent, `"the undo failed; .*"`,
			"a failed ADD is undone, or says that it could not be",
		},
		{
			`del answer\.details`, absent, `"run DEL with force .*"`,
			"a DEL that fails says how to go on",
		},
		{
			`validate answer\.rc`, `999`, `0`,
			"validation negotiates the version as ADD does",
		},
		{`validate answer\.capabilities`, absent, `\[\]`, "follows from the validation that succeeds"},
		{
			`add answer\.(rc|details)`, `1|"config is \\"0\.3\.1\\", .*"`, `999|absent`,
			"after code 1 and another try the answer is that of the other try",
		},
		{`\S+ answer\.rc`, `999`, `-\d+`, "libcni's own verdicts are -errno"},
	}
}

// resultDifferences are those between the reference executables and the built-in plugins.
func resultDifferences() []intended {
	return []intended{
		{
			`\[\d\]\.interfaces\[\d\]\.mtu`, absent, `1[45]00`,
			"version 1.1.0 has the MTU of an interface, and the built-in plugins fill it",
		},
		{`\[\d\]\.dns`, `{}`, absent, "empty settings are left out in old versions, too"},
	}
}

// ledger holds what was found against a table: everything found must stand there, everything there
// must be found.
type ledger struct {
	table []intended
	used  []bool
}

func newLedger(table []intended) *ledger { return &ledger{table, make([]bool, len(table))} }

func (l *ledger) check(t testing.TB, found []difference) {
	t.Helper()
	for _, d := range found {
		known := false
		for i, line := range l.table {
			if matches(line.at, d.at) && matches(line.reference, d.reference) && matches(line.ours, d.ours) {
				l.used[i], known = true, true
			}
		}
		if !known {
			t.Errorf("a difference that is not intended: %v", d)
		}
	}
}

func (l *ledger) finish(t testing.TB) {
	t.Helper()
	for i, line := range l.table {
		if !l.used[i] {
			t.Errorf("this difference no longer occurs, take it from the table: %s (%s)", line.at,
				line.reason)
		}
	}
}

func matches(pattern, s string) bool {
	return regexp.MustCompile(`^(?s:` + pattern + `)$`).MatchString(s)
}
