package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// quiet waits until the kernel has finished the deferred work of earlier calls. The deletion of a
// link or of rules continues for up to 30 ms after the object has disappeared. Neither libcni nor a
// process that exits waits for it, and the next side should neither pay for it nor profit from it.
//
// The deletion of the link made here is acknowledged when all pending RCU callbacks have run. The
// second one covers links that such a callback still used.
func quiet() error {
	for range 2 {
		link := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "quiet"}}
		if err := netlink.LinkAdd(link); err != nil {
			return fmt.Errorf("link quiet: add: %w", err)
		}
		if err := netlink.LinkDel(link); err != nil {
			return fmt.Errorf("link quiet: delete: %w", err)
		}
	}
	return nil
}

// namespacesGone waits until the kernel has destroyed the namespaces that were removed before. It
// destroys them in batches: when a namespace made now is gone, the batch with those before it has
// begun; when a second one is gone, that batch is complete.
func (b *bench) namespacesGone() error {
	for range 2 {
		if err := b.comeAndGo(); err != nil {
			return fmt.Errorf("wait for namespaces to be gone: %w", err)
		}
	}
	return nil
}

// comeAndGo makes a namespace with one end of a pair inside, removes the namespace and waits until
// the other end is gone.
func (b *bench) comeAndGo() error {
	updates, done := make(chan netlink.LinkUpdate, 16), make(chan struct{})
	defer close(done)
	if err := netlink.LinkSubscribe(updates, done); err != nil {
		return err
	}
	path := filepath.Join(b.dir, "last")
	if err := makeNetns(path); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	err = netlink.LinkAdd(
		&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "last"}, PeerName: "eth0",
			PeerNamespace: netlink.NsFd(file.Fd()),
		})
	file.Close()
	if err != nil {
		return err
	}
	if err := removeNetns(path); err != nil {
		return err
	}
	for update := range updates {
		if update.Header.Type == unix.RTM_DELLINK && update.Attrs().Name == "last" {
			return nil
		}
	}
	return fmt.Errorf("the kernel reports no more changes of links")
}

// clean proves that a case has left no link and no file. It flushes the rule set, so that no case
// depends on the ones before.
func (b *bench) clean() error {
	links, err := linkNames()
	if err != nil {
		return err
	}
	if !slices.Equal(links, b.links) {
		return fmt.Errorf("links are left: %s; there were %s", strings.Join(links, " "),
			strings.Join(b.links, " "))
	}
	for _, pattern := range []string{b.dir + "/*", b.build + "/side*", cnitoolCache + "/results/*"} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			return fmt.Errorf("files are left: %v, %v", left, err)
		}
	}
	if out, err := exec.Command("nft", "flush", "ruleset").CombinedOutput(); err != nil {
		return fmt.Errorf("nft flush ruleset: %w: %s", err, out)
	}
	return b.namespacesGone()
}

func linkNames() (names []string, err error) {
	links, err := netlink.LinkList()
	for _, link := range links {
		names = append(names, link.Attrs().Name)
	}
	slices.Sort(names)
	return names, err
}
