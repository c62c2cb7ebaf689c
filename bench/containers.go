package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// onThread runs fn on a thread that ends with it.
func onThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- fn()
	}()
	return <-done
}

// makeNetns makes a network namespace, bound to a file.
func makeNetns(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
}

// makeHost makes a namespace that forwards packets between its links.
func makeHost(path string) error {
	if err := makeNetns(path); err != nil {
		return err
	}
	return inside(path, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetUp(lo), forward())
	})
}

func forward() error {
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
}

func removeNetns(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return err
	}
	return os.Remove(path)
}

// inside runs fn on a thread of a namespace.
func inside(path string, fn func() error) error {
	return onThread(func() error {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return err
		}
		return fn()
	})
}

// reachesOut proves that a container reaches an address of the host. Duplicate address detection of
// an IPv6 address may still run: the host listens nevertheless, and the container repeats its first
// packets.
func reachesOut(netns, address string) error {
	early := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) {
			set = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
		})
		return errors.Join(err, set)
	}}
	listener, err := early.Listen(context.Background(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return err
	}
	defer listener.Close()
	return inside(netns, func() error { return dial(listener.Addr().String()) })
}

// reachesIn proves that a port of the host leads to port 80 of a container.
func reachesIn(netns, address string) error {
	var listener net.Listener
	err := inside(netns, func() (err error) {
		listener, err = net.Listen("tcp", ":80")
		return err
	})
	if err != nil {
		return err
	}
	defer listener.Close()
	return dial(address)
}

func dial(address string) error {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// removeLinks removes the bridges whose names begin with a prefix.
func removeLinks(bridge string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, link := range links {
		if strings.HasPrefix(link.Attrs().Name, bridge) {
			if err := netlink.LinkDel(link); err != nil {
				return err
			}
		}
	}
	return nil
}
