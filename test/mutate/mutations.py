"""The changes that test/mutate/run makes: each takes out one thing that somebody relies on."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    path: str
    old: str  # is in the file once
    new: str
    tests: tuple[str, ...]  # packages, or PACKAGE:REGULAR EXPRESSION for some of its tests; those of one of them must fail


def of(path: str, tests: str, *changes: tuple[str, str, str]) -> list[Mutation]:
    return [Mutation(name, path, old, new, tuple(tests.split())) for name, old, new in changes]


BUILTIN = "core/internal/builtin/"
LIFECYCLE = "core/internal/lifecycle/"

MUTATIONS = [
    # The steps of bridge's ADD, and what takes them back.
    *of(BUILTIN + "bridge/add.go", "./core/internal/builtin/bridge",
        ("the port is not set up", "\t\t{do: a.setPort},\n", "\t\t{do: func(ctx context.Context) (err error) { a.port, err = a.host.LinkByName(ctx, a.inv.HostIfName); return err }},\n"),
        ("the gateway has no address", "\t\t{do: a.ensureGateway},\n", ""),
        ("forwarding stays off", "\t\t{do: a.enableForwarding},\n", ""),
        ("no rules", "{do: a.addRules, undo: a.removeRules, half: true}", "{undo: a.removeRules, half: true, do: func(context.Context) error { return nil }}"),
        ("the container's end is not configured", "\t\t{do: a.configureContainer},\n", ""),
        ("nobody waits for the port to forward", "\t\t{do: a.awaitForwarding},\n", ""),
        ("the address is not announced", "\t\t{do: a.announce},\n", ""),
        ("a pair stays after a failure", "{do: a.makePair, undo: a.removePair}", "{do: a.makePair}"),
        ("an address stays after a failure", "{do: a.allocate, undo: a.release, half: true}", "{do: a.allocate}"),
        ("rules stay after a failure", "{do: a.addRules, undo: a.removeRules, half: true}", "{do: a.addRules}"),
        ("steps are not undone in reverse", "for i := len(done) - 1; i >= 0; i-- {", "for i := range done {"),
        ("undo has no time of its own", "context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)", "context.WithTimeout(ctx, undoTimeout)")),
    *of(BUILTIN + "bridge/del.go", "./core/internal/builtin/bridge",
        ("DEL leaves the link", "if conn == nil {", "if conn == nil || index > 0 {"),
        ("DEL leaves the rules", "\t\treturn errors.Join(removeRules(ctx, r.config, r.inv), r.wait(ctx))\n", "\t\treturn r.wait(ctx)\n"),
        ("DEL leaves the address", "\treturn delegate(ctx, r.config, r.inv, plugin.Del)\n", "\treturn nil\n"),
        ("DEL takes a stranger's link in the container", "if err != nil || !ours {", "if _ = ours; err != nil {")),
    *of(BUILTIN + "bridge/check.go", "./core/internal/builtin/bridge",
        ("CHECK does not look at the gateway", "\tif err := k.gateway(ctx, master); err != nil {\n\t\treturn err\n\t}\n", ""),
        ("CHECK does not look at the rules", "\treturn k.rules(ctx)\n", "\treturn nil\n"),
        ("CHECK does not look into the container", "\tif err := k.contents(ctx, end); err != nil {\n\t\treturn err\n\t}\n", "\t_ = end\n"),
        ("CHECK does not ask for the address", "return k.verdict(delegate(ctx, k.config, inv, plugin.Check))", "return k.verdict(nil)"),
        ("CHECK takes a bridge that is down", 'k.differs(object, "up", upOrDown(link.Up))', "")),
    *of(BUILTIN + "hostlocal/store.go", "./core/internal/builtin/hostlocal",
        ("a lease that is there is taken over", "syscall.O_WRONLY|syscall.O_CREAT|syscall.O_EXCL", "syscall.O_WRONLY|syscall.O_CREAT"),
        ("leases are not marked with the boot", "\tmark(path, s.boot()) // before the content, so that there is no lease of ours without it\n", ""),
        ("the last address is not noted", "err = overwrite(s.lastPath(set), []byte(text), leaseMode)", "_ = set"),
        ("a directory that was replaced counts as locked", "s.id.Inode == before.Inode && s.id.Device == before.Device", "before.Device == s.id.Device"),
        ("a lease follows symbolic links", "syscall.O_RDONLY|syscall.O_NOFOLLOW|", "syscall.O_RDONLY|")),
    *of(BUILTIN + "hostlocal/add.go", "./core/internal/builtin/hostlocal",
        ("an interface gets a second address", "\tif err := s.refuseSecond(ctx, set, o); err != nil {\n\t\treturn netip.Addr{}, err\n\t}\n", ""),
        ("the first of two addresses stays if there is no second", "\t\t\t\terr = errors.Join(err, s.release(addr, o))\n", "\t\t\t\t_ = addr\n")),
    *of(BUILTIN + "hostlocal/verbs.go", "./core/internal/builtin/hostlocal",
        ("GC releases valid ones", "if l.owner == (owner{}) || l.valid(attachments, containers) {", "if l.owner == (owner{}) {"),
        ("DEL believes the index", "agree = agree && found && l.owner == o", "_, _ = l, found")),
    *of(BUILTIN + "loopback/loopback.go", "./core/internal/builtin/loopback",
        ("lo stays down", "\tif err := conn.SetLink(ctx, lo.Index, rtnl.Change{Up: true}); err != nil {\n\t\treturn nil, fmt.Errorf(\"link %s: %w\", name, err)\n\t}\n", ""),
        ("foreign addresses on lo pass", "\tif err := judge(addresses); err != nil {\n\t\treturn nil, err\n\t}\n", "")),
    *of(BUILTIN + "static/static.go", "./core/internal/builtin/static",
        ("CHECK takes another prefix length", "ones != a.prefix.Bits()", "ones < 0"),
        ("CHECK takes another gateway", "a.gateway.IsValid() && gateway.Unmap() != a.gateway", "a.gateway.IsValid() && !gateway.IsValid()")),
    *of(BUILTIN + "portmap/add.go", "./core/internal/builtin/portmap",
        ("rules stay if the settings fail", "\tif err := settle(ctx, c, p, inv, link); err != nil {\n\t\treturn errors.Join(err, undo(ctx, p, inv))", "\tif err := settle(ctx, c, p, inv, link); err != nil {\n\t\treturn err"),
        ("a host address that is not the host's passes", "\tif err := checkHostIPs(ctx, host, c.mappings); err != nil {\n\t\treturn err\n\t}\n", "\t_ = host\n"),
        ("nobody is warned of a socket", "\tif err := warnOfSockets(ctx, inv, c.mappings); err != nil {\n\t\treturn err\n\t}\n", ""),
        ("127.0.0.1 does not lead to the container", "\t\tif err := setRouteLocalnet(link, true); err != nil {\n\t\t\treturn err\n\t\t}\n", ""),
        ("the container does not reach itself", "\t\tif err := makeReflect(ctx, inv); err != nil {\n\t\t\treturn err\n\t\t}\n", ""),
        ("old flows live on", "\treturn forgetFlows(ctx, inv, p.ports)\n", "\treturn nil\n")),
    *of(BUILTIN + "portmap/apply.go", "./core/internal/builtin/portmap",
        ("a port is published twice", "\tif err := p.claimable(tx); err != nil {\n\t\treturn err\n\t}\n", "")),
    *of(BUILTIN + "firewall/verbs.go", "./core/internal/builtin/firewall",
        ("a failed ADD is not undone", "\tif l.locked {\n\t\tfailed = undo(l)\n\t} else {\n\t\tfailed = alone(ctx, a.config, inv, families(), undo)\n\t}\n", "\t_ = undo\n"),
        ("iptables' own tables stay closed", "\tif err := a.openLegacy(ctx, inv); err != nil {\n\t\treturn err\n\t}\n", "")),
    # The engine.
    *of("core/add.go", "./core",
        ("the attachment is not locked", "\theld, err := s.store.Lock(ctx, key)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\tdefer held.Unlock()\n", "\theld, err := s.store.Lock(ctx, key)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\theld.Unlock()\n")),
    *of(LIFECYCLE + "attach.go", "./core",
        ("plugins are not all found before the first runs", "\tif err := c.resolve(); err != nil {\n\t\treturn nil, err\n\t}\n", "\t_ = c.resolve()\n"),
        ("a taken interface is not noticed", "\tif err := m.refuseTakenLink(ctx, c); err != nil {\n\t\treturn nil, err\n\t}\n", ""),
        ("the namespace's cookie is not kept", "\treturn a.run(ctx)\n", "\tentry.Cookie = 0\n\treturn a.run(ctx)\n"),
        ("no intent is written", "\tif err := a.held.WriteIntent(a.chain.entry); err != nil {\n\t\treturn nil, err\n\t}\n\terr := a.addAll", "\terr := a.addAll")),
    *of(LIFECYCLE + "existing.go", "./core",
        ("what works is replaced unasked", "if alive && !request.Replace {", "if false && alive {")),
    *of(LIFECYCLE + "rollback.go", "./core ./core/internal/lifecycle",
        ("a failed ADD is not undone", "err := a.undo(ctx, a.lastStarted(e))", "var err error"),
        ("the intent stays after an undo", "\tif err == nil {\n\t\terr = a.held.Remove()\n\t}\n", ""),
        ("undo runs forwards", "for i := last; i >= 0; i-- {", "for i := 0; i <= last; i++ {"),
        ("the plugin that failed gets no DEL", "\t\treturn failed - 1\n\t}\n\treturn failed\n}", "\t\treturn failed - 1\n\t}\n\treturn failed - 1\n}"),
        ("undo has no time of its own", "\tctx = context.WithoutCancel(ctx)\n", "")),
    *of(LIFECYCLE + "chain.go", "./core",
        ("DEL is run with what is preferred now", "if c.runner.Usable(target) {", "if false && c.runner.Usable(target) {")),
    *of(LIFECYCLE + "detach.go", "./core",
        ("DEL goes on past a failure", "\t\tif !force {\n", "\t\tif false {\n"),
        ("DEL does not forget", "\tif err == nil || force {\n\t\terr = errors.Join(err, held.Remove())\n\t}\n", ""),
        ("DEL runs forwards", "for i := len(c.list.Plugins) - 1; i >= 0; i-- {", "for i := range c.list.Plugins {")),
    *of("core/gc.go", "./core",
        ("GC takes what others own", "\tif !c.scope.owns(entry) {\n\t\treturn true, nil\n\t}\n", ""),
        ("GC takes the young", "return c.isListed(entry) || young || entry.NewerThan(c.asOf), nil", "_ = young\n\treturn c.isListed(entry) || entry.NewerThan(c.asOf), nil"),
        ("GC takes what is newer than the list", "return c.isListed(entry) || young || entry.NewerThan(c.asOf), nil", "return c.isListed(entry) || young, nil"),
        ("GC leaves the incomplete", "\tif entry.Incomplete {\n\t\treturn false, nil // this call holds the network's lock, so no ADD is in progress\n\t}\n", ""),
        ("plugins are not told what to keep", "\t\tc.keep = append(c.keep, plugin.AttachmentID{ContainerID: entry.ContainerID, IfName: entry.IfName})\n", ""),
        ("a dry run is none", "\tif !c.dryRun {\n\t\tlock, err", "\tif true {\n\t\tlock, err")),
    *of(LIFECYCLE + "namespace.go", "./core ./core/internal/lifecycle",
        ("a path is believed", "return err == nil && cookie == entry.Cookie, err", "_ = cookie\n\t\treturn err == nil, err"),
        ("another boot counts as this one", "\tif m.isOfEarlierBoot(entry) {\n\t\treturn nil, Gone, nil\n\t}\n", "")),
    *of(LIFECYCLE + "check.go", "./core ./test/faults:Failing.*/command/check",
        ("what could not be looked at has drifted", "return e.Kind == fault.KindPluginFailed && !e.Plugin.Builtin && errors.Unwrap(e) == nil", "return e.Kind == fault.KindPluginFailed")),
    *of("core/internal/attachments/store.go", "./core/internal/attachments",
        ("one attachment's file replaces another's", "\tif err != nil || another == nil {\n\t\treturn err\n\t}\n\treturn fault.InvalidRequest", "\tif _ = another; true {\n\t\treturn err\n\t}\n\treturn fault.InvalidRequest"),
        ("the intent stays after a commit", "\treturn orStateError(remove(s.intentPath(e.Key)), e.Key, \"remove the intent\", stateOption)\n", "\treturn nil\n"),
        ("another's file is removed", "\tif another == nil {\n\t\terr = errors.Join(remove", "\tif _ = another; true {\n\t\terr = errors.Join(remove")),
    *of("core/internal/attachments/files.go", "./core/internal/attachments",
        ("files are written in place", "write(temporary, data, syscall.O_TRUNC)", "write(path, data, syscall.O_TRUNC)"),
        ("a temporary file stays", "\tif err != nil {\n\t\t_ = syscall.Unlink(temporary)\n\t}\n", "")),
    *of("core/internal/attachments/locks.go", "./core/internal/attachments",
        ("GC is let starve", "\tif err = h.passGate(ctx, network); err == nil {\n\t\terr = h.locks.Lock(ctx, networks(network), lockfile.Shared)\n\t}\n", "\terr = h.locks.Lock(ctx, networks(network), lockfile.Shared)\n"),
        ("GC shares the network", "err = h.locks.Lock(ctx, networks(sum), lockfile.Exclusive)", "err = h.locks.Lock(ctx, networks(sum), lockfile.Shared)")),
    *of("core/internal/invoke/process.go", "./core/internal/invoke",
        ("a busy file is not tried again", "!errors.Is(err, syscall.ETXTBSY) || time.Now().After(deadline)", "deadline.After(time.Time{})"),
        ("no mercy before SIGKILL", "ended = end(process, syscall.SIGTERM, terminateGrace, stderr)", "ended = false")),
    *of("core/internal/invoke/resolve.go", "./core/internal/invoke",
        ("a type leads out of the directories", "case strings.ContainsAny(pluginType, \"/\\x00\"), pluginType[0] == '.':", "case pluginType[0] == 0:"),
        ("a key that is not supported is passed over", "usable := exists && unsupported == \"\"", "usable := exists")),
    # The C boundary.
    *of("capi/shim.c", "./test/abi ./test/host",
        ("a forked child enters Go", "    if (start_forked())\n        return response_refuse(REFUSED_FORKED, response);\n    if (log_in", "    if (log_in"),
        ("a callback enters again", "    if (log_in_callback())\n        return response_refuse(REFUSED_CALLBACK, response);\n", ""),
        ("Go is entered without descriptors left", "    if (!guest_has_descriptors())\n        return response_refuse(REFUSED_DESCRIPTORS, response);\n", ""),
        ("a thread's state is not put back", "    rc = go(call);\n    guest_leave(&thread);\n    if (call->response == NULL)", "    rc = go(call);\n    if (call->response == NULL)")),
]
