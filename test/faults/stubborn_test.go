package faults

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The programs that this test binary is, too: plugins that ignore signals, and a process that stops
// with a lock.

// stubbornName begins the names of plugins that do not end in the commands that follow in the name,
// such as "stubborn.ADD.DEL".
const stubbornName = "stubborn"

// startedFile is made beside the directory of plugins by a plugin that does not end.
const startedFile = "/../started"

// stubborn is such a plugin. In other commands it answers, also as an IPAM plugin.
func stubborn(command string) int {
	for _, word := range strings.Split(filepath.Base(os.Args[0]), ".") {
		if word == command {
			signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
			_ = os.WriteFile(filepath.Dir(os.Args[0])+startedFile, nil, 0o600)
			time.Sleep(time.Hour)
		}
	}
	switch {
	case command == "ADD" && strings.HasSuffix(os.Args[0], ".VERSION"): // so that it is asked
		fmt.Print(`{"cniVersion":"1.1.0","code":1,"msg":"incompatible version"}`)
		return 1
	case command == "ADD":
		fmt.Print(`{"cniVersion":"1.1.0","ips":[{"address":"10.9.0.9/24"}]}`)
	case command == "VERSION":
		fmt.Print(`{"cniVersion":"1.1.0","supportedVersions":["1.0.0","1.1.0"]}`)
	}
	return 0
}

// holderVariable names the variable that makes the test binary a process that takes a lock, says so
// on stdout and stops: "PATH", or "PATH:FIRST:LENGTH" for a range of bytes.
const holderVariable = "CNI_TEST_HOLDER"

func hold(what string) int {
	words := strings.Split(what, ":")
	fd, err := unix.Open(words[0], unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if len(words) == 1 {
		err = unix.Flock(fd, unix.LOCK_EX)
	} else {
		lock := unix.Flock_t{Type: unix.F_WRLCK}
		if _, err = fmt.Sscan(words[1]+" "+words[2], &lock.Start, &lock.Len); err == nil {
			err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock)
		}
	}
	fmt.Println("held", err)
	for { // the signal may reach another thread, and this one go on for a moment
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	}
}

// TestMain is also the plugins "pass", which hands on the result of the plugin before it, and
// "stubborn", and the process that holds a lock.
func TestMain(m *testing.M) {
	command := os.Getenv("CNI_COMMAND")
	what, holds := os.LookupEnv(holderVariable)
	switch {
	case holds:
		os.Exit(hold(what))
	case command != "" && strings.HasPrefix(filepath.Base(os.Args[0]), stubbornName):
		os.Exit(stubborn(command))
	case command != "":
		os.Exit(pass(command))
	}
	os.Exit(m.Run())
}
