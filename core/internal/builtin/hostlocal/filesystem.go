package hostlocal

import "github.com/libcni/libcni/core/internal/host/file"

// localFileSystems are the types, as statfs(2) has them, of file systems that one machine has to itself.
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

// locality says whether a file system is shared with other machines.
type locality int

const (
	unknown     locality = iota // not asked yet
	onlyHere                    // it is not
	perhapsElse                 // it may be
)

// localityOf says whether a directory is shared with other machines, as far as is known. On one that may be, another
// machine's boot is not an earlier one of ours, and the times of the directory are not those of this moment; such a
// store is used exactly as the executable does.
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
