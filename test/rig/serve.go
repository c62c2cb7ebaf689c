package rig

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Patience is how long a test waits for an answer that must come.
const Patience = 10 * time.Second

// Serve answers TCP connections in a namespace until the test ends. After a line "who" it answers
// with its own name, if it has one, and the address that the connection comes from; otherwise with
// what it is sent.
func (h *Host) Serve(netns, address, name string) {
	h.T.Helper()
	Must(h.T, Within(netns, func() error {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		h.T.Cleanup(func() { listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				go answerTo(conn, name)
			}
		}()
		return nil
	}))
}

func answerTo(conn net.Conn, name string) {
	defer conn.Close()
	var first [4]byte
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		return
	}
	if string(first[:]) == "who\n" {
		seen := conn.RemoteAddr().(*net.TCPAddr).IP.String()
		_, _ = io.WriteString(conn, strings.TrimSpace(name+" "+seen))
		return
	}
	_, _ = io.Copy(conn, io.MultiReader(bytes.NewReader(first[:]), conn))
}

// Who asks a server, from a namespace, who it sees; "" if there is no answer.
func (h *Host) Who(netns, address string, wait time.Duration) string {
	h.T.Helper()
	var seen []byte
	Must(h.T, Within(netns, func() error {
		conn, err := net.DialTimeout("tcp", address, wait)
		if os.IsTimeout(err) || errors.Is(err, syscall.ECONNREFUSED) ||
			errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) {
			return nil
		} else if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(wait))
		if _, err := conn.Write([]byte("who\n")); err == nil {
			seen, _ = io.ReadAll(conn)
		}
		return nil
	}))
	return string(seen)
}
