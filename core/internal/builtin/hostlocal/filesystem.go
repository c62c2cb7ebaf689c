package hostlocal

import "github.com/libcni/libcni/core/internal/host/file"

// localFileSystems are the types, as in statfs(2), of file systems that only one machine uses.
var localFileSystems = map[int64]string{
	0xef53:     "ext4",
	0x58465342: "xfs",
	0x9123683e: "btrfs",
	0x01021994: "tmpfs",
	0x794c7630: "overlay",
	0xf2f52010: "f2fs",
	0x2fc12fc1: "zfs",
	0xca451a4e: "bcachefs",
}

// locality says whether other machines use a file system.
type locality int

const (
	unknown     locality = iota // not determined yet
	onlyHere                    // they do not
	perhapsElse                 // they may
)

// localityOf determines whether other machines may use a directory. If they do, another machine's
// boot is not an earlier one of ours, and the directory's times may lag behind; such a store is
// used exactly as the executable uses it.
func localityOf(dir string) locality {
	kind, err := file.FileSystem(dir)
	if err != nil {
		return perhapsElse
	}
	if _, local := localFileSystems[kind]; local {
		return onlyHere
	}
	return perhapsElse
}
