package router

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/libcni/libcni/core/internal/host/file"
	"github.com/libcni/libcni/core/internal/host/rtnl"
	"github.com/libcni/libcni/core/plugin"
)

// maxLookups is how many links are looked up one by one. For more, listing all is cheaper.
const maxLookups = 32

// seenSize is the size of the file that holds the index of the newest link that was looked at.
const seenSize = 128

// hearNewLinks does for links that appeared since the last call what hear does for all links when
// the host begins to forward. The kernel numbers links in ascending order, so that those between
// the last call's and newest, which the caller has just made, are new. Usually no link is.
func hearNewLinks(ctx context.Context, inv *plugin.Invocation, host *rtnl.Conn, newest int) error {
	f, err := file.OpenAny(seenPath(inv), file.ReadWrite|file.CreateAny|file.NoFollow, 0o600)
	if err != nil {
		return hearAll(ctx, inv, host) // for example a full or read-only directory
	}
	defer f.Close()

	content := make([]byte, seenSize)
	n, _ := f.ReadAt(content, 0)
	last, known := parseSeen(inv, host, content[:n])
	switch {
	case !known || newest-last > maxLookups:
		err = hearAll(ctx, inv, host)
	default:
		err = hearRange(ctx, inv, host, last+1, newest)
	}
	if err != nil || known && newest <= last {
		return err
	}
	// Without a record the next call lists all links, too.
	_, _ = f.WriteAt([]byte(fmt.Sprintf("%-*s\n", seenSize-1, seen(inv, host, newest))), 0)
	return nil
}

func hearAll(ctx context.Context, inv *plugin.Invocation, host *rtnl.Conn) error {
	deaf, err := Deaf(ctx, host)
	if err != nil {
		return err
	}
	return hear(inv, deaf...)
}

// hearRange looks at the links with indexes from first to the one before end.
func hearRange(ctx context.Context, inv *plugin.Invocation, host *rtnl.Conn, first, end int) error {
	for index := first; index < end; index++ {
		link, err := host.LinkByIndex(ctx, index)
		if errors.Is(err, rtnl.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if link.Kind == "bridge" && link.Alias != AliasPrefix {
			return hearAll(ctx, inv, host) // its ports decide
		}
		if isUplink(link) && link.AcceptRA == acceptAsHost {
			if err := hear(inv, link); err != nil {
				return err
			}
		}
	}
	return nil
}

func seenPath(inv *plugin.Invocation) string { return filepath.Join(inv.StateDir, "links") }

// seen is a record: the boot and the network namespace, in which alone an index means something.
func seen(inv *plugin.Invocation, host *rtnl.Conn, index int) string {
	cookie, _ := host.NamespaceCookie()
	return fmt.Sprintf("%q %d %d", inv.BootID, cookie, index)
}

// parseSeen returns the index of a record of this boot and namespace.
func parseSeen(inv *plugin.Invocation, host *rtnl.Conn, record []byte) (index int, known bool) {
	var boot string
	var cookie uint64
	if _, err := fmt.Sscanf(string(record), "%q %d %d", &boot, &cookie, &index); err != nil {
		return 0, false
	}
	own, err := host.NamespaceCookie()
	return index, err == nil && cookie == own && boot == inv.BootID
}
