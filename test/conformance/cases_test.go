package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// requestCase is a network and what is done with it. In texts, DIR is the host's directory.
type requestCase struct {
	name        string
	network     string            // JSON of it, or of its name
	networkFile string            // in net.d
	files       map[string]string // in net.d
	request     object            // keys of every request
	does        []action          // nil: usual
}

type action struct {
	method  string
	request object
	before  func(h *host)                   // on both sides
	prepare func(h *host, d *driver) object // for libcni.so alone: makes ready, and returns more keys
}

// usual is the life of an attachment. The second DEL finds nothing.
var usual = []action{
	{method: "validate"}, {method: "status"}, {method: "add"}, {method: "check"},
	{
		method:  "gc",
		request: object{"validAttachments": []object{{"containerId": "c1", "ifName": "eth0"}}},
		prepare: asOf,
	},
	{method: "del"}, {method: "del"},
}

func (c requestCase) actions() []action {
	if c.does == nil {
		return usual
	}
	return c.does
}

// asOf is what libcni.so wants for GC beyond what Go's libcni does.
func asOf(h *host, d *driver) object {
	var list struct{ AsOf string }
	if err := json.Unmarshal(
		d.must("attachments",
			object{"options": object{"cacheDir": h.Path("cache"), "stateDir": h.Path("state")}}),
		&list); err != nil {
		h.T.Fatal(err)
	}
	return object{"asOf": list.AsOf}
}

// aged makes what is attached older than the time for which GC leaves attachments alone.
func aged(h *host, d *driver) object {
	for _, name := range h.files(h.Path("cache/results")) {
		path := h.Path("cache/results/" + name)
		data, err := os.ReadFile(path)
		if err != nil {
			h.T.Fatal(err)
		}
		entry := decode(h.T, data).(object)
		mine := entry["libcni"].(object)
		created, err := mine["created"].(json.Number).Int64()
		if err != nil {
			h.T.Fatal(err)
		}
		mine["created"] = created - (2 * time.Minute).Nanoseconds()
		writeFile(h.T, path, text(entry))
	}
	return asOf(h, d)
}

const hostLocal = `"ipam":{"type":"host-local","dataDir":"DIR/leases","ranges":[[{"subnet":"10.1.0.0/24"}]]}`

// chain is a list of bridge with host-local and tuning, with more keys for each.
func chain(list, bridge, tuning string) string {
	return fmt.Sprintf(
		`{%s"name":"net","plugins":[{"type":"bridge","bridge":"br0",%s%s},{%s"type":"tuning"}]}`, list,
		bridge, hostLocal, tuning)
}

// requestCases are what both are given.
func requestCases() []requestCase {
	const v11 = `"cniVersion":"1.1.0",`
	cases := []requestCase{
		{
			name: "one plugin in a list",
			network: `{` + v11 + `"name":"net","plugins":[{"type":"bridge","bridge":"br0",` + hostLocal +
				`}]}`,
		},
		{
			name:    "a single plugin",
			network: `{` + v11 + `"name":"net","type":"bridge","bridge":"br0",` + hostLocal + `}`,
		},
		{name: "no version", network: chain("", "", "")},
		{
			name:    "several versions",
			network: chain(`"cniVersion":"0.4.0","cniVersions":["0.3.1","1.0.0","9.9.9"],`, "", ""),
		},
		{
			name: "capabilities",
			network: chain(v11, `"capabilities":{"ips":true,"mac":true,"bandwidth":false},`,
				`"capabilities":{"mac":true,"portMappings":true},`),
			request: object{"capabilityArgs": object{
				"ips": []string{"10.1.0.77/24"}, "mac": given + "00:00:07",
				"bandwidth": object{"ingressRate": 8000},
				"nobody":    object{"x": 1},
			}},
		},
		{
			name: "arguments", network: chain(v11, "", ""),
			request: object{
				"args": [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAME", "web"}, {"IP", "10.1.0.9"}},
			},
		},
		{
			name: "arguments inside",
			network: chain(v11, `"args":{"cni":{"ips":["10.1.0.8"],"labels":[{"key":"a","value":"b"}]}},`,
				""),
		},
		{
			name: "unknown keys",
			network: chain(v11+`"x-list":1,`, `"x-a":{"Z":[1,2.50,null],"a":"<&>\u2028é"},`,
				`"dns":{"nameservers":["10.0.0.1"]},`),
		},
		{name: "integers above 2^53", network: chain(v11, `"x-big":18446744073709551615,`, "")},
		{
			name: "keys in capitals",
			network: `{` + v11 +
				`"name":"net","DISABLECHECK":true,"plugins":[{"type":"bridge","BRIDGE":"br0",` + hostLocal +
				`}]}`,
		},
		{
			name: "routes and DNS in the result",
			network: chain(v11, `"isDefaultGateway":true,"dns":{"nameservers":["10.0.0.1"],"search":["a"]},`,
				""),
		},
		{name: "addresses in the configuration",
			network: `{` + v11 + `"name":"net","plugins":[{"type":"bridge","bridge":"br0",
			"ipam":{"type":"static","addresses":[{"address":"10.1.0.5/24"},{"address":"fd00::5/64","gateway":"fd00::1"}]}}]}`},
		{
			name:    "no addresses",
			network: `{` + v11 + `"name":"net","plugins":[{"type":"bridge","bridge":"br0"}]}`,
		},
		{name: "loopback", network: `{` + v11 + `"name":"net","plugins":[{"type":"loopback"}]}`},
		{name: "no check", network: chain(v11+`"disableCheck":true,`, "", "")},
		{name: "no check, as text", network: chain(v11+`"disableCheck":"TRUE",`, "", "")},
		{name: "no GC", network: chain(v11+`"disableGC":true,`, "", "")},
		{name: "by name", network: `"net"`, files: map[string]string{
			"10-other.conflist": strings.Replace(chain(v11, "", ""), `"net"`, `"other"`, 1),
			"20-net.conflist":   chain(v11, "", ""),
		}},
		{
			name: "by name, a single plugin", network: `"net"`,
			files: map[string]string{
				"net.conf": `{` + v11 + `"name":"net","type":"bridge","bridge":"br0",` + hostLocal + `}`,
			},
		},
		{name: "plugins in files of their own", networkFile: "net.conflist", files: map[string]string{
			"net.conflist": `{` + v11 + `"name":"net","plugins":[{"type":"bridge","bridge":"br0",` +
				hostLocal + `}]}`,
			"net/20.conf": `{"type":"tuning","mtu":1400}`, "net/10.conf": `{"type":"tuning","promisc":true}`,
			"net/no.txt": `{"type":"none"}`,
		}},
		{name: "plugins in files of their own, not wanted", networkFile: "net.conflist",
			files: map[string]string{
				"net.conflist": chain(v11+`"loadOnlyInlinedPlugins":true,`, "", ""),
				"net/10.conf":  `{"type":"none"}`,
			}},
		{
			name: "a plugin fails", network: chain(v11, "", `"sysctl":{"net.core.none":"1"},`),
			does: []action{{method: "add"}, {method: "del"}},
		},
		{
			name: "the first plugin fails", network: chain(v11, `"vlan":5000,`, ""),
			does: []action{{method: "add"}, {method: "del"}},
		},
		{name: "a plugin is not there",
			network: `{` + v11 + `"name":"net","plugins":[{"type":"bridge","bridge":"br0",` + hostLocal +
				`},{"type":"none"}]}`,
			does: []action{{method: "validate"}, {method: "add"}, {method: "del"}}},
		{name: "no namespace given to DEL", network: chain(v11, "", ""), does: []action{
			{method: "add"}, {method: "del", request: object{"netns": ""}},
		}},
		{name: "the namespace is gone", network: chain(v11, "", ""), does: []action{
			{method: "add"}, {method: "del", before: func(h *host) { h.vanish(h.Path("netns")) }},
		}},
		{name: "GC of one of two", network: chain(v11, `"isGateway":true,`, ""), does: []action{
			{method: "add"}, {method: "add", request: object{"ifName": "eth1"}},
			{
				method:  "gc",
				request: object{"validAttachments": []object{{"containerId": "c1", "ifName": "eth0"}}},
				prepare: aged,
			},
			{method: "del"},
		}},
		{name: "GC of a new attachment", network: chain(v11, "", ""), does: []action{
			{method: "add"}, {method: "gc", request: object{"validAttachments": []object{}}, prepare: asOf},
		}},
		{name: "a version the plugin does not know",
			network: `{"cniVersion":"0.3.1","name":"net","plugins":[{"type":"firewall"}]}`,
			does:    []action{{method: "validate"}, {method: "add"}}},
	}
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		cases = append(cases,
			requestCase{
				name:    "version " + version,
				network: chain(fmt.Sprintf(`"cniVersion":%q,`, version), `"isGateway":true,`, ""),
			})
	}
	return cases
}
