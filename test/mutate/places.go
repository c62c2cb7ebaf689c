package main

import (
	"slices"
	"strings"
)

// The packages in which changes are made.
const (
	builtins    = "core/internal/builtin/"
	bridge      = builtins + "bridge"
	ptp         = builtins + "ptp"
	kit         = "core/internal/kit/"
	firewall    = builtins + "firewall"
	hostLocal   = builtins + "hostlocal"
	loopback    = builtins + "loopback"
	portmap     = builtins + "portmap"
	static      = builtins + "static"
	engine      = "core"
	lifecycle   = "core/internal/lifecycle"
	attachments = "core/internal/attachments"
	host        = "core/internal/host/"
	invoke      = "core/internal/invoke"
)

// change is one of a package's: what it is, the function, and what is taken out of it.
type change struct {
	name, function string
	operator       operator
}

// in returns the changes of a package. Tests are those of the package and more, if given.
func in(directory, more string, changes ...change) (all []mutation) {
	tests := append([]string{"./" + directory}, strings.Fields(more)...)
	for _, c := range changes {
		all = append(all, mutation{c.name, inGo{directory, c.function, c.operator}, tests})
	}
	return all
}

// sources returns the changes of the sources: each takes out one thing that somebody relies on.
func sources() (all []mutation) {
	for _, some := range [][]mutation{
		interfaces(), shared(), routers(), addresses(), ports(), verbs(), lives(), state(), processes(),
		kernel(), effects(), wholes(), boundary(),
	} {
		all = append(all, some...)
	}
	return all
}

func interfaces() []mutation {
	return slices.Concat(in(bridge, "",
		change{"the port is not set up", "attachment.steps", dropElement("setPort")},
		change{"the gateway has no address", "attachment.steps", dropElement("ensureGateway")},
		change{"repair leaves out the routes to the networks", "attachment.repairs",
			dropElement("restoreConnected")},
		change{"DEL with another configuration leaves rules", "config.rules",
			never("inv.Reconfigured")},
		change{"a small MTU takes IPv6 away", "attachment.keepIPv6", answer("nil")},
		change{"forwarding stays off", "attachment.steps", dropElement("enableForwarding")},
		change{"rules are not made", "attachment.steps", dropElement("addRules")},
		change{"packets are sent before the port is operational", "settled",
			always("port.Operational")},
		change{"the host has no route to an address of its own", "attachment.steps",
			dropElement("addHostRoutes")},
		change{"DEL leaves the host's routes", "newRemoval",
			swap("removeHostRoutes(ctx, c, inv, hostRoutes(record.Known(inv).IPs()))", "error(nil)")},
		change{"a failed ADD leaves the host's routes", "attachment.removeHostRoutes", answer("nil")},
		change{"a link-local address conflicts with the gateway's", "conflict",
			never("IsLinkLocalUnicast")},
		change{
			"the container's end is not configured", "attachment.steps", dropElement("configureContainer"),
		},
		change{
			"ADD does not wait until the port forwards", "attachment.steps", dropElement("awaitForwarding"),
		},
		change{"the address is not announced", "attachment.steps", dropElement("announce")},
		change{"a pair stays after a failure", "attachment.steps", dropField("removePair")},
		change{"an address stays after a failure", "attachment.steps", dropField("Release")},
		change{"rules stay after a failure", "attachment.steps", dropField("removeRules")},
		change{"a foreign bridge has no stable MAC address", "attachment.ensureGateway", drop("pinMAC")},
		change{"a MAC address of zeros stays", "attachment.pinMAC", always("isZero")},
		change{"gateway addresses stay after a failure", "attachment.steps", dropField("restoreGateway")},
		change{"a failed ADD takes other containers' gateway", "attachment.restoreGateway",
			never("used")},
		change{"CHECK ignores the gateway", "comparison.compare", drop("gateway")},
		change{"CHECK ignores the rules", "comparison.compare", drop("rules")},
		change{"CHECK ignores the container", "comparison.compare", drop("contents")},
		change{"CHECK does not ask the IPAM plugin", "bridge.Check",
			swap("ipam.New(inv, k.IPAM.Type).Run(ctx, plugin.Check)", "nil")},
		change{"CHECK accepts a bridge that is down", "comparison.bridge", drop("Up")},
	), in(ptp, "",
		change{"a pair stays after a failure", "attachment.steps", dropField("Remove")},
		change{"an address stays after a failure", "attachment.steps", dropField("Release")},
		change{"the host has no addresses and routes", "attachment.configureHost", drop("ConfigureHost")},
		change{"forwarding stays off", "attachment.configureHost", drop("EnableForwarding")},
		change{"rules are not made", "attachment.steps", dropElement("a.filter.Add")},
		change{"repair leaves the host's end", "comparison.Restore", drop("RestorePair")},
	), in(loopback, "",
		change{"lo stays down", "loopback.Add", drop("SetLink")},
		change{"lo may have other addresses", "loopback.Add", drop("requireLoopback")},
	))
}

// shared are the changes of what plugins share. Tests of plugins notice them.
func shared() []mutation {
	return slices.Concat(in(kit+"steps", "",
		change{"steps are undone in the order of their making", "Undo", forwards()},
		change{"an undo has no end", "Undo", swap("undo.Begin(ctx)", "context.WithCancel(ctx)")},
	), in(kit+"undo", "",
		change{"undo ends with the call's deadline", "Begin", drop("WithoutCancel")},
		change{"each undo has a budget of its own", "budget.deadline", always("b.end.IsZero()")},
		change{"a task that hangs leaves no time", "Share", always("others == 0")},
	), in(kit+"filter", "./core",
		change{"another attachment's elements are shown", "Shown.elements", always("owner.Owns")},
	), in(kit+"removal", "./"+bridge,
		change{"DEL leaves the rules", "Removal.linkAndRules", swap("r.Rules.Remove(ctx)", "error(nil)")},
		change{"DEL leaves the address", "Removal.Finish", swap("r.IPAM.Run(ctx, plugin.Del)", "nil")},
	), in(kit+"ipam", "./"+static,
		change{"a multicast address is an interface's", "CheckUnicast", answer("nil")},
		change{"a broadcast address is an interface's", "CheckAddress", never("Last")},
	), in(kit+"iface", "./"+bridge+" ./"+ptp,
		change{"a lost link-local address is not missed", "Contents.lacksLinkLocal", answer("false")},
		change{"no route leads to a gateway outside the network", "OnLink", answer("nil")},
		change{"DEL leaves the link", "StartDeletion", always("conn == nil")},
		change{"DEL takes another attachment's link in the container", "findPair", never("own")},
		change{"DEL takes a pair by what it is, not by its mark", "Marked", never("HasPrefix")},
		change{"DEL takes a link by its name alone", "isRecorded", answer("true")},
		change{"GC leaves pairs", "Collect", never("marked")},
		change{"DEL does not look at the container's other interfaces", "Others",
			never("inv.OtherInterfaces != nil")},
		change{"ADD does not wait for the carrier", "AwaitCarrier", answer("nil")},
		change{"a neighbour configures a container", "Interface.settings", never("i.AcceptRA")},
		change{"CHECK ignores who configures a container", "Comparison.advertisements",
			answer("nil")},
		change{"repair leaves who configures a container", "Comparison.restoreSettings",
			answer("nil")},
		change{"a new bridge waits for duplicate address detection", "Own",
			swap("host.AddAddress(ctx, index, LinkLocal(mac))", "error(nil)")},
		change{"the host's end waits for duplicate address detection", "ConfigureHost",
			never("ipam.Has")},
	))
}

// routers are the changes of what makes the host a router.
func routers() []mutation {
	return in(kit+"router", "./"+bridge+" ./"+ptp,
		change{"the host does not hear uplinks without a route", "Deaf", never("isUplink")},
		change{"the host does not hear its own bridge", "Deaf", swap("l.Master", "l.Index")},
		change{"STATUS does not warn", "WarnOfDeaf", drop("Warn")},
		change{"links that appear later are not heard", "hearRange", answer("nil")},
		change{"CHECK ignores links that do not hear", "CheckForwarding", swap(
			"checkHeard(ctx, inv, list, host)", "nil")},
		change{"a precaution that cannot be written is an error", "putAcceptRA",
			never("sysctl.Refused")},
		change{"forwarding without /proc/sys is an error", "enable", never("on")},
	)
}

func addresses() []mutation {
	return append(in(hostLocal, "",
		change{"a store that others can change is used", "store.trust", answer("nil")},
		change{
			"an existing lease is taken over", "store.reserve", swap("file.CreateNew", "file.CreateAny"),
		},
		change{"leases are not marked with the boot", "store.reserve", drop("mark")},
		change{
			"the last address is not recorded", "store.reserve",
			swap("writeLast(s.lastPath(set), []byte(text))", "nil"),
		},
		change{"a directory that was replaced counts as locked", "store.lock",
			always("s.id.SameAs(before)")},
		change{"a lease follows symbolic links", "readSmall", swap("file.NoFollow", "0")},
		change{"an interface gets a second address", "store.give", drop("refuseSecond")},
		change{"the first of two addresses stays if the second fails", "store.give", drop("release")},
		change{"GC releases valid addresses", "hostLocal.GC", never("valid")},
		change{"a lease that cannot be read ends GC", "store.visit", never("EIO")},
		change{"a lease that may not be read is an error", "store.read", never("ErrPermission")},
		change{"a gateway may be outside its subnet", "addressRange.check",
			never("r.subnet.Contains(r.gateway)")},
		change{"a range may have its gateway alone", "rangeSet.checkAllocatable", answer("nil")},
		change{"a subnet may be of loopback", "parseSubnet", drop("CheckNetwork")},
		change{"DEL believes the index", "store.confirmed", drop("found")},
	), in(static, "",
		change{"CHECK accepts another prefix length", "compare", never("a.prefix.Bits")},
		change{"CHECK accepts another gateway", "compare", never("gateway != a.gateway")},
		change{"an address at run time is not completed", "complete",
			swap("networkOf(given.Addr(), networks)", "(address{}), false")},
		change{"the first network gives prefix length and gateway", "networkOf", never("better")},
	)...)
}

func ports() []mutation {
	return append(in(portmap, "",
		change{"rules stay if the settings fail", "plan.undo", answer("nil")},
		change{"a host address of nobody causes no warning", "publish", drop("warnOfHostIPs")},
		change{"a socket on the port causes no warning", "publish", drop("warnOfSockets")},
		change{"127.0.0.1 does not lead to the container", "settle", drop("addStandIn")},
		change{"whoever sends to the stand-in reaches 127.0.0.1", "ofLoopback",
			swap("nft.IsReply()", "nil")},
		change{"the host's link-local addresses are translated", "toHost", never("!earlier")},
		change{"the container does not reach itself", "settle", drop("enableHairpin")},
		change{"old flows stay", "settle", drop("forget")},
		change{"a link that was not seen counts as gone", "plan.closeLoopback",
			always("rtnl.IsUnreachable")},
		change{"a port is published twice", "plan.abandoned", never("!isGone || sweeps")},
		change{"rules of an earlier boot stay", "holders.examine", never("bytes.Equal")},
		change{"ports of a running container give way", "holders.isUnplugged", answer("true, nil")},
		change{"what the state records gives way", "holders.examine", never("recorded || err != nil")},
		change{"an address keeps the ports of one that is gone", "clearAddresses", drop("write")},
		change{"a range has an element for each port", "port.redirects", never("isRange")},
		change{"a port that another tool holds is not refused", "foreign.look", always("refuse")},
		change{"DEL takes another interface's chain of the reference executable", "referenceOf",
			never("o.others.Recorded")},
	), in(firewall, "",
		change{"a failed ADD is not undone", "firewall.Add", swap("s.remove(ctx, a.target())", "nil")},
		change{"DEL with another policy leaves a port isolated", "target.owned",
			never(`a.port != ""`)},
		change{"the host's legacy tables still drop", "legacyTables.add", drop("addAccepts")},
		change{"repair leaves rules that end a chain", "attachment.queueShared", drop("MendChains")},
		change{"ineffective chains are not found", "attachment.checkTables", drop("Add")},
		change{"isolated ports of iptables have an ineffective chain", "iptablesChains.checkSeparation",
			drop("Add")},
		change{"rules about the network do not come first", "walk.note", never("w.means")},
		change{"rules with conditions are not preceded", "effect.mayDrop",
			answer("e.outcome == dropped || e.meant > 0")},
		change{"a chain that drops everything is a warning", "findings.report", never("len(f.cutOff)")},
		change{"a host that lets some pass is an error", "verdict.describe", never("v.mayAccept")},
		change{"ADD says nothing of chains that drop", "attachment.queueAdd", drop("noteNative")},
		change{"rules of another policy stay", "attachment.outdated", never("contains")},
		change{"isolated ports exchange frames", "attachment.portContent", answer("content{}")},
		change{"isolated ports of iptables exchange frames", "iptablesChains.add",
			swap("b.separate(ctx, a)", "nil")},
		change{"an ADD keeps the base rules of an earlier version", "attachment.policyExists",
			answer("true, nil")},
		change{"a word of nft names the administrator's chain", "config.validateAdminChain",
			never("IsKeyword")},
		change{"the administrator's chain is one of libcni", "config.validateAdminChain",
			never("isOwnChain")},
	)...)
}

func verbs() []mutation {
	return append(in("cmd/cni", "",
		change{"a prefix of a person's id is enough to remove", "matchID", never("removes")},
		change{"what gc spared is not named", "app.collect", drop("printSpared")},
		change{"IPv6 needs no brackets", "parseHostIP", never("Is6")},
		change{"ranges of ports may differ", "parsePublish", never("hostCount != containerCount")},
		change{"a wrong template is found late", "tableFlags.parse", drop("Execute")},
	), in(engine, "",
		change{"the attachment is not locked", "scope.add", now("held.Unlock")},
		change{"built-ins do not read what is validated", "scope.readConfig", drop("Run")},
		change{"unknown keys of plugins are not found", "unknownKeys.addPlugin", drop("add")},
		change{"unknown keys of lists are not found", "newUnknownKeys", drop("add")},
		change{"a strict validation is not strict", "scope.validate", never("strict")},
		change{"GC takes what others own", "collection.keeps", never("owns")},
		change{"GC takes young attachments", "collection.keeps", never("freshness")},
		change{"GC takes attachments newer than the list", "collection.keeps", never("NewerThan")},
		change{"GC leaves incomplete attachments", "collection.keeps", never("Incomplete")},
		change{"plugins do not get what to keep", "collection.collect", drop("idOf")},
		change{"a path of the caller is another one's for plugins", "incoming.normalize",
			drop("ForAnyProcess")},
		change{"a record that cannot be used is ignored", "scope.delUnusable", answer("nil")},
		change{"GC forgets what an unusable record has", "collection.run", drop("keepUnusable")},
		change{"GC takes listed attachments", "collection.keeps", never("isListed")},
		change{"GC takes elements that name nothing", "ValidAttachment.validate", answer("nil")},
		change{"DEL takes what others own", "scope.delMeans", never("ownerGiven")},
		change{"inspect does not say what it lacks", "Inspection.fail",
			swap(`v.miss("", what, err.Error())`, "_ = err")},
		change{"inspect shows no differences", "scope.lookForDrift", swap("findings.Drift()", "nil")},
		change{"inspect waits for another call", "scope.lookForDrift",
			swap("inspectLockTimeout", "time.Hour")},
		change{"DEL takes what another cache has", "scope.delUnknown", never(`cacheDir != ""`)},
		change{"a dry run removes attachments", "collection.collect", always("c.dryRun")},
	)...)
}

func lives() []mutation {
	return append(in(lifecycle, "./core",
		change{"plugins are not found before the first runs", "Manager.Attach", drop("resolve")},
		change{"an interface of the same name is not noticed", "Manager.prepare", answer("nil")},
		change{"the namespace's cookie is not recorded", "Manager.prepare", drop("Cookie")},
		change{"a working attachment is replaced unasked", "Manager.resolveExisting", never("alive")},
		change{"the intent is not written", "addition.run", drop("WriteIntent")},
		change{"a failed ADD is not undone", "addition.undo", answer("nil")},
		change{"the intent stays after an undo", "addition.rollBack", drop("RollBack")},
		change{"plugins are undone in the order of ADD", "addition.undo", forwards()},
		change{"undo ends with the call's deadline", "addition.rollBack",
			swap("undo.Begin(ctx)", "context.WithCancel(ctx)")},
		change{"the plugin that failed gets no DEL", "addition.lastStarted", always("NothingMade")},
		change{"DEL uses the implementation that is preferred now", "chain.target", never("Usable")},
		change{"DEL continues after a failure", "chain.delEach", never("force")},
		change{"DEL runs the plugins in the order of ADD", "chain.delEach", forwards()},
		change{"DEL keeps the entry", "Manager.detach", never("err == nil || force")},
		change{"the remains of a failed ADD do not give way", "Manager.Detach",
			never("entry.Incomplete")},
		change{"a complete attachment gives way", "Manager.Detach", always("entry.Incomplete")},
		change{"plugins that never ran get DEL", "chain.mayHaveRun", answer("true")},
		change{"versions are negotiated by ADD only", "chain.negotiate", answer(`"", false`)},
		change{"the version of Go's libcni is that of the result", "Overrides.apply",
			never("entry.ByGoLibcni")},
		change{"built-ins check what executables attached", "chain.attacher",
			always("mayBeByExecutable")},
		change{"repair does not refuse what executables attached", "chain.repairEach",
			drop("refuseRepair")},
		change{"repair does not ask the executables of a list", "chain.repairEach",
			drop("checkExecutable")},
		change{"built-ins take every capability", "chain.reads", always("!builtin")},
		change{"another link of the recorded name is shown", "linkSight.recordedLink",
			never("strings.EqualFold")},
		change{"the host's traffic counts as the container's", "linkSight.link",
			swap("link.Traffic.Sent", "link.Traffic.Received")},
		change{"the default route counts as the container's", "leadsHome", always("route.Dst.Bits")},
		change{"a path proves the namespace", "Manager.isNamespaceOf", always("entry.Cookie")},
		change{"an earlier boot counts as this one", "Manager.find", never("IsOfEarlierBoot")},
		change{"a namespace that lives counts as gone", "Manager.look", always("exists")},
		change{
			"a link in another host namespace counts", "Manager.lookAtHostLink",
			never("cookie != entry.HostCookie"),
		},
		change{"DEL takes an attachment in another namespace", "Manager.InScope", answer("true, nil")},
		change{"an attachment of another cache is not refused", "Manager.claim", drop("removeRemains")},
		change{"nothing gives way to an ADD", "Manager.sweep", answer("false")},
		change{"an attachment that lives gives way", "Manager.isGone", answer("true")},
		change{"links of an earlier boot are removed", "chain.invocation", never("IsOfEarlierBoot")},
		change{"an interface outside the kernel is missed", "Manager.isAlive", never("hadLink")},
		change{"a link that an undo removed proves that a namespace is gone", "addition.keepIntent",
			never("hasHostLink")},
		change{"ADD reads a configuration twice", "chain.takeAhead", always("c.ahead[i] == nil")},
		change{"ADD gets the configuration of another version", "chain.takeAhead",
			never("inv.CNIVersion != c.entry.CNIVersion")},
		change{"a path counts as missing without /proc", "Manager.findToLook", never("HasProc")},
	), in(lifecycle, "",
		change{"a plugin that could not be run has found drift", "isPluginsOwn", always("Unwrap")},
		change{"a built-in that could not look has found drift", "isPluginsOwn", always("Builtin")},
	)...)
}

func state() []mutation {
	return in(attachments, "",
		change{"a claim that is a file does not count", "readClaim",
			swap("readClaimFile(path)", "\"\", unusable(path, \"\")")},
		change{"a claim that was given up is replaced", "Store.Claim",
			swap("s.claimant(key)", "s.ClaimedBy(key)")},
		change{"a claim that another cache took is replaced", "Store.takeClaim",
			swap("s.claimant(key)", "\"\", error(nil)")},
		change{"a file system without links has no claims", "Store.makeClaim",
			always("file.ErrNoLink")},
		change{"a file of another attachment is replaced", "Store.refuseCollision", answer("nil")},
		change{"the intent stays after a commit", "Store.Commit", drop("intentPath")},
		change{"a file of another attachment is removed", "Store.Remove", swap("holder == nil", "true")},
		change{"an entry counts in another's file", "Store.cached", never("s.cachePath(e.Key) != path")},
		change{"state that others can change is used", "Store.trust", answer("nil")},
		change{"files are written in place", "Store.replace",
			swap("file.Renew(temporary, data, fileMode)", "file.Renew(path, data, fileMode)")},
		change{"a temporary file stays", "Store.replace", drop("Remove")},
		change{"ADDs overtake a GC that waits", "Held.passGate", answer("nil")},
		change{"a crowd overtakes a GC", "Held.queue", answer("false, nil")},
		change{"GCs do not let calls take turns", "Held.closeGate", always("free")},
		change{"GC does not lock the network", "Store.LockNetwork", drop("networks")},
	)
}

func processes() []mutation {
	return in(invoke, "",
		change{
			"a file that is being written is not tried again", "Runner.start", always("syscall.ETXTBSY"),
		},
		change{"what every user can change is run", "refuseUntrusted", answer("nil")},
		change{"a plugin is killed without SIGTERM", "stop", drop("syscall.SIGTERM")},
		change{"a type may hold a slash", "validateType", never("ContainsAny")},
		change{"a type may begin with a dot", "validateType", never("pluginType[0] == '.'")},
		change{"every text is a version", "versionsOf", always("isVersion")},
		change{"the end of a context shows as another error", "endedBy", answer("err")},
		change{"an unsupported key is ignored", "Runner.Resolve", always(`unsupported == ""`)},
	)
}

// kernel are the changes of what the plugins ask of the kernel through.
func kernel() []mutation {
	return slices.Concat(in(host+"lockfile", "",
		change{"a lock of a removed file counts", "isReplaced", answer("false, nil")},
		change{"the holder of a removed file is not awaited", "awaitPredecessor", answer("nil")},
		change{"a busy lock does not name its holder", "locked.holders", answer("nil")},
	), in(host+"file", "",
		change{"a group may change the state", "Info.CheckPrivate", never("unix.S_IWGRP")},
		change{"a FIFO counts as a file", "File.Look", never("info.regular()")},
		change{"half a file stays after a failure", "Create", drop("Remove")},
		change{"the end of a longer content stays", "Overwrite", drop("truncate")},
	), in(host+"netlink", "",
		change{"messages of other processes are read", "Socket.ReceiveNow", never("address.Pid")},
		change{"the buffer does not grow", "Socket.ReceiveNow", drop("make([]byte, n)")},
		change{"answers of an earlier exchange are read", "Conn.Continue", never("uint32(len(c.open))")},
		change{"a refusal of a long request is lost", "Conn.Begin", never("len(datagram)")},
		change{"nfnetlink is awaited after EPERM", "Conn.refusesAll", answer("false")},
	), in(host+"nft", "./core",
		change{"counters of rules are those of an earlier call", "Reader.CountedRules",
			swap("r.readRules(c, fact{ofRules, c.Table, c.Name})", "r.Rules(c)")},
	), in(host+"nft", "",
		change{"a bridge has a name that nft cannot read back", "CheckLinkName", never("Contains")},
		change{"a bridge has a name that nft takes for a pattern", "CheckLinkName",
			never("HasSuffix")},
	), in(host+"nft", "./test/saved",
		change{"an accepting rule has no comment", "Tx.AddIptablesRule", dropField("rule.Comment")},
	), in(host+"rtnl", "",
		change{"all requests are one datagram", "Conn.changeAll", swap("maxRequests", "len(requests)")},
		change{"a VLAN is not in its range", "parseVLANs", swap("first <= id", "first < id")},
	), in(host+"nft/wire", "./"+host+"nft",
		change{"a batch is applied to any generation", "begin", drop("unix.NFNL_BATCH_GENID")},
		change{"a socket with answers left is given again", "Pool.Give", never("Unfinished")},
		change{"a descriptor that was reused is closed", "Socket.close", always("intact")},
	))
}

// effects are the changes of what keeps the rules of libcni effective.
func effects() []mutation {
	const test = "./core:TestIneffectiveChainsAreSeenAndMended"
	var all []mutation
	for _, c := range []struct {
		directory string
		change
	}{
		{kit + "filter", change{"a dormant table is not found", "checkTable", always("dormant")}},
		{kit + "filter", change{"a chain elsewhere is not found", "CheckPlace", always("elsewhere")}},
		{kit + "filter", change{"rules that end a chain are not found", "intruders", answer("nil, nil")}},
		{kit + "filter", change{"rules that end a chain stay", "MendChains", drop("DeleteRules")}},
		{kit + "filter", change{"STATUS does not warn", "Warn", drop("Warn")}},
		{bridge, change{"the chain of the spoof check is not examined", "spoofCheck.Check",
			swap("filter.CheckChains(r, spoofChain())", "[]fault.Drift(nil), error(nil)")}},
		{bridge, change{"ADD leaves the chain of the spoof check empty", "spoofCheck.Add",
			never("intact")}},
		{kit + "masquerade", change{"ADD leaves the chain of ipMasq empty", "family.add",
			swap("tx.IsInUse(chain(), nft.AnyRules)", "true, error(nil)")}},
		{portmap, change{"ADD leaves the chains of portmap empty", "plan.queueAdd",
			swap("tx.IsInUse(prerouting(), len(families()))", "true, error(nil)")}},
		{firewall, change{"ADD leaves the chains of firewall empty", "attachment.networkExists",
			never("intact")}},
		{host + "nft", change{"a rule is deleted twice", "Tx.DeleteRules",
			swap("tx.gone[id] || tx.flushed[r.Chain.id()]", "false")}},
	} {
		all = append(all, mutation{c.name, inGo{c.directory, c.function, c.operator}, []string{test}})
	}
	return all
}

// wholes are the changes that only a test of the whole notices.
func wholes() []mutation {
	return []mutation{
		{"a chained plugin reads its configuration after the first has run",
			inGo{lifecycle, "Manager.Attach", drop("validate")},
			[]string{"./test/chain:TestNamesThatNftCannotRepresentAreRefused"}},
		{"DEL leaves rules that nft has converted",
			inGo{firewall, "iptablesChains.remove", never("ErrIncompatible")},
			[]string{"./test/saved:TestIptablesChainsThatNFTSaved"}},
		{"DEL leaves the policy that nft has converted",
			inGo{firewall, "attachment.queueConvertedRemoval", always("acceptsNeighbour")},
			[]string{"./test/saved:TestIptablesChainsThatNFTSaved"}},
		{"DEL leaves masquerading that nft has converted",
			inGo{kit + "masquerade", "Programs.Remove", never("ErrIncompatible")},
			[]string{"./test/saved:TestIptablesChainsThatNFTSaved"}},
		{"a reload of firewalld is not noticed",
			inGo{engine, "WatchFirewalld", answer("nil")},
			[]string{"./test/cli:TestReloadOfFirewalld"}},
	}
}

// boundary are the changes of the functions in C through which every call passes.
func boundary() (all []mutation) {
	for _, c := range []struct{ name, file, function, statement string }{
		{"a forked child enters Go", "capi/shim.c", "shim_serve", "start_forked"},
		{"a callback enters Go", "capi/shim.c", "shim_serve", "log_in_callback"},
		{
			"Go is entered without free descriptors", "capi/shim.c", "shim_serve", "guest_has_descriptors",
		},
		{
			"later calls need as many descriptors as the first", "capi/shim.c", "shim_serve", "guest_called",
		},
		{"a thread's state is not restored", "capi/shim.c", "enter", "guest_leave"},
		{"Go handles the faults of the host", "capi/goruntime/start.c", "start", "faults_divide"},
		{"a fault that is sent is ignored", "capi/goruntime/faults.c", "end_process", "syscall"},
	} {
		tests := []string{"./test/abi", "./test/host"}
		all = append(all, mutation{c.name, inC{c.file, c.function, c.statement}, tests})
	}
	for _, c := range []struct{ name, function, statement string }{
		{"a forked child opens the library", "cni_dl_open_inprocess", "CNI_DL_IS_FORKED"},
		{"a path of the caller means the child's", "cni_dl_put_request", "netns"},
	} {
		change := inC{"include/cni_dl.h", c.function, c.statement}
		all = append(all, mutation{c.name, change, []string{"./test/dl"}})
	}
	return all
}
