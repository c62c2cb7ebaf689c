package cli

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLifeOfAnAttachment(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.1.0/24", "", "")
	ns := h.namespace("blue")

	h.ok("status", "web")
	var result struct {
		CNIVersion string
		IPs        []struct{ Address, Gateway string }
	}
	decode(t, h.ok("add", "web", ns, "--id", "c1", "-i", "eth5"), &result)
	if len(result.IPs) != 1 || result.CNIVersion != "1.1.0" ||
		result.IPs[0].Address != "10.77.1.2/24" || result.IPs[0].Gateway != "10.77.1.1" {
		t.Errorf("result %+v", result)
	}
	if got := linkNames(t, h.inside(ns)); got != "eth5" {
		t.Errorf("links in the container: %q", got)
	}
	if got := h.links(); got != "br-web veth*" {
		t.Errorf("links of the host: %q", got)
	}
	want := fields("NETWORK CONTAINER INTERFACE ADDRESSES PORTS STATE OWNER NAMESPACE\n" +
		"web c1 eth5 10.77.1.2/24 - attached libcni " + ns)
	if diff := cmp.Diff(want, fields(h.ok("list"))); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if out := h.ok("inspect", "c1", "web"); !strings.Contains(out,
		"10.77.1.2/24, gateway 10.77.1.1\n") {
		t.Errorf("inspect: %s", out)
	}
	if out := h.ok("check", "web", ns, "--id", "c1", "-i", "eth5") +
		h.ok("check", "--id", "c1", "-i", "eth5"); out != "" {
		t.Errorf("check printed %q", out)
	}
	if out := h.ok("del", "--id", "c1"); out != "" {
		t.Errorf("del printed %q", out)
	}
	if got := h.links() + "|" + linkNames(t, h.inside(ns)); got != "br-web|" {
		t.Errorf("links after del: %q", got)
	}
	if got := fields(h.ok("list")); len(got) != 1 {
		t.Errorf("list after del: %q", got)
	}
	if o := h.run("del", "web", ns, "--id", "c1"); o.code != 0 ||
		!strings.Contains(o.err, "container c1 was not attached") {
		t.Errorf("second del: %+v", o)
	}
	h.ok("netns", "delete", ns)
	if _, err := os.Stat(ns); !os.IsNotExist(err) {
		t.Errorf("the namespace's file: %v", err)
	}
}

func TestCnitoolsCallingConvention(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.2.0/24", "", "")
	ns := h.namespace("blue")
	h.env = append(h.env, "NETCONFPATH="+h.Path("conf"), "CNI_PATH="+h.Path("plugins"),
		"CNI_ARGS=IgnoreUnknown=1;IP=10.77.2.77", "CNI_IFNAME=net1")
	tool := func(args ...string) outcome {
		return h.start("",
			append([]string{"--cache-dir", h.Path("cache"), "--state-dir", h.Path("state")}, args...))
	}
	added := tool("add", "web", ns)
	if added.code != 0 || !strings.HasPrefix(added.out, "{\n    \"cniVersion\": \"1.1.0\",\n") ||
		!strings.Contains(added.out, `"address": "10.77.2.77/24"`) {
		t.Fatalf("add: %+v", added)
	}
	sum := sha512.Sum512([]byte(ns))
	var list struct {
		Attachments []struct{ ContainerID, IfName string }
	}
	decode(t, h.ok("list", "--json"), &list)
	want := []struct{ ContainerID, IfName string }{{fmt.Sprintf("cnitool-%x", sum[:10]), "net1"}}
	if diff := cmp.Diff(want, list.Attachments); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
	for _, verb := range []string{"check", "status", "gc", "del"} {
		o := tool(verb, "web", ns)
		if verb == "gc" && strings.Contains(o.err, "kept "+want[0].ContainerID+"/net1") {
			o.err = ""
		}
		if o != (outcome{}) {
			t.Errorf("%s: %+v", verb, o)
		}
		if verb == "gc" && linkNames(t, h.inside(ns)) != "net1" {
			t.Error("gc removed an attachment younger than a minute")
		}
	}
	if got := h.links() + "|" + linkNames(t, h.inside(ns)); got != "br-web|" {
		t.Errorf("links after del: %q", got)
	}
}

func TestUnderCnitoolsNameEveryFailureIsOne(t *testing.T) {
	h := newHost(t)
	if err := os.Symlink(h.command, h.Path("cnitool")); err != nil {
		t.Fatal(err)
	}
	h.command = h.Path("cnitool")
	for _, args := range [][]string{{"add"}, {"status", "nosuch", "/n"}} {
		if o := h.run(args...); o.code != 1 || o.err == "" {
			t.Errorf("%v: %+v", args, o)
		}
	}
}

func TestGarbageCollectionRemovesWhatLostItsNamespace(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.3.0/24", "", "")
	gone, kept := h.namespace("gone"), h.namespace("kept")
	h.ok("add", "web", gone, "--id", "c1")
	h.ok("add", "web", kept, "--id", "c2")
	h.ok("netns", "delete", gone)
	h.namespace("gone") // the path leads to another container now, so the first is gone for certain

	gc := []string{"gc", "web", "--keep", "c2/eth0"}
	if diff := cmp.Diff(fields("WOULD REMOVE CONTAINER INTERFACE\nweb c1 eth0"),
		fields(h.ok(append(gc, "--dry-run")...))); diff != "" {
		t.Errorf("dry run (-want +got):\n%s", diff)
	}
	if out := h.ok("list"); !strings.Contains(out, "c1") || !strings.Contains(out, "stale") {
		t.Errorf("list after the dry run: %s", out)
	}
	if diff := cmp.Diff(fields("REMOVED CONTAINER INTERFACE\nweb c1 eth0"),
		fields(h.ok(gc...))); diff != "" {
		t.Errorf("gc (-want +got):\n%s", diff)
	}
	if out := h.ok("list"); strings.Contains(out, "c1") || !strings.Contains(out, "c2") {
		t.Errorf("list: %s", out)
	}
	h.ok("check", "--id", "c2")
	h.ok("del", "--id", "c2")
}

func TestNetworksPluginsAndValidation(t *testing.T) {
	h := newHost(t)
	h.bridge("web", "10.77.4.0/24", "", "")
	h.Write("conf/bad.conflist", "{", 0o644)
	h.Write("plugins/tell",
		"#!/bin/sh\necho '{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.4.0\",\"1.1.0\"]}'\n",
		0o755)

	o := h.run("networks")
	if diff := cmp.Diff(
		fields("NETWORK VERSION PLUGINS FILE\nweb 1.1.0 bridge "+h.Path("conf/web.conflist")),
		fields(o.out)); diff != "" || o.code != 0 {
		t.Errorf("networks, exit status %d (-want +got):\n%s", o.code, diff)
	}
	if !strings.Contains(o.err, "bad.conflist") {
		t.Errorf("networks did not name the bad file: %q", o.err)
	}
	rows := strings.Join(fields(h.ok("plugins")), "\n") + "\n"
	for _, want := range []string{
		"bridge built in 0.", "host-local built in 0.", "loopback built in 0.",
		"tell " + h.Path("plugins/tell") + " 0.4.0 1.1.0\n",
	} {
		if !strings.Contains(rows, "\n"+want) {
			t.Errorf("plugins lacks %q:\n%s", want, rows)
		}
	}
	if got := fields(h.ok("plugin", "tell")); len(got) != 2 ||
		got[1] != "tell "+h.Path("plugins/tell")+" 0.4.0 1.1.0" {
		t.Errorf("plugin tell: %q", got)
	}
	for _, args := range [][]string{
		{"validate", "web"}, {"validate", "-f", h.Path("conf/web.conflist")},
	} {
		if out := h.ok(args...); !strings.HasPrefix(out, "PLUGIN") ||
			!strings.Contains(out, "\nbridge ") || !strings.HasSuffix(out, "capabilities: -\n") {
			t.Errorf("%v: %s", args, out)
		}
	}
}

// fields are the lines of a table with one blank between the cells.
func fields(text string) []string {
	var rows []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return rows
}

func decode(t testing.TB, text string, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
