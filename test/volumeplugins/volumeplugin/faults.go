package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// faultFlags are the faults by endpoint. With "once-" before its name a fault happens once.
type faultFlags map[string]*fault

type fault struct {
	mu   sync.Mutex
	name string
}

func (f faultFlags) String() string { return "" }

func (f faultFlags) Set(text string) error {
	endpoint, name, _ := strings.Cut(text, "=")
	kind := strings.TrimPrefix(strings.TrimPrefix(name, "once-"), "done-")
	if answers[kind] == "" && deeds[kind] == nil {
		return fmt.Errorf("there is no fault %q", kind)
	}
	f[endpoint] = &fault{name: name}
	return nil
}

func (f faultFlags) take(endpoint string) string {
	found := f[endpoint]
	if found == nil {
		return ""
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	name := found.name
	if once, ok := strings.CutPrefix(name, "once-"); ok {
		found.name = ""
		return once
	}
	return name
}

// answers are faults that are said: "STATUS BODY".
var answers = map[string]string{
	"err200":            `200 {"Err":"disk full"}`,
	"mounterr200":       `200 {"Mountpoint":"","Err":"cannot mount"}`,
	"err500":            `500 {"Err":"disk full"}`,
	"err404":            `404 {"Err":"no such endpoint here"}`,
	"text500":           "500 out of order\n",
	"html404":           "404 <html>nothing here</html>",
	"empty500":          "500 ",
	"status201":         `201 {"Err":""}`,
	"redirect":          `302 {}`,
	"ok":                `200 {"Err":""}`,
	"object":            `200 {}`,
	"null":              "200 null\n",
	"array":             `200 []`,
	"empty200":          "200 ",
	"text200":           "200 fine, thanks",
	"truncated":         `200 {"Mountpoint":"/x","Vol`,
	"truncatedlist":     `200 {"Volumes":[{"Name":"a"},{"Na`,
	"trailing":          `200 {"Mountpoint":"/mnt/x","Volumes":[],"Volume":{"Name":"a"},"Err":""} and more`,
	"errtrailing":       "200 {\"Err\": \"no such volume\"}\n{\"Volume\":{\"Name\":\"\"}}\n",
	"mountempty":        `200 {"Mountpoint":"","Err":""}`,
	"mountnull":         `200 {"Mountpoint":null}`,
	"mountrelative":     `200 {"Mountpoint":"var/lib/x"}`,
	"mountnumber":       `200 {"Mountpoint":7}`,
	"volumenull":        `200 {"Volume":null,"Err":""}`,
	"volumestring":      `200 {"Volume":"a"}`,
	"statusdouble":      `200 {"Volume":{"Name":"a","Status":{"n":18446744073709551615,"k":1,"k":2}}}`,
	"listnull":          `200 {"Volumes":null}`,
	"listnamed":         `200 {"Volumes":[{"Mountpoint":"/x"}]}`,
	"networkdriver":     `200 {"Implements":["NetworkDriver"]}`,
	"scopestrange":      `200 {"Capabilities":{"Scope":"galactic"}}`,
	"scopenumber":       `200 {"Capabilities":{"Scope":7}}`,
	"implementsnothing": `200 {"Implements":[]}`,
}

// deeds are faults that are done, on the bare connection.
var deeds = map[string]func(net.Conn){
	"hang":  func(c net.Conn) { c.Read(make([]byte, 1)) }, // until the client goes
	"close": func(net.Conn) {},
	"reset": reset,
	"short": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"Volumes\":[")
	},
	"shortend": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"Volumes\":[]}")
	},
	"shorthead": func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Le") },
	"nothttp":   func(c net.Conn) { fmt.Fprint(c, "220 mail.example.com ESMTP\r\n") },
	"huge": func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
		flood(c, "{\"Volumes\":[")
	},
	"endless": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.0 200 OK\r\n\r\n")
		flood(c, "                ")
	},
	"headers": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
		flood(c, "X-More: and more\r\n")
	},
	"line": func(c net.Conn) { flood(c, "HTTP/1.1 200 OK ") },
	"chunks": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		flood(c, "10\r\n                \r\n")
	},
	"slow": slow,
	"chunked": func(c net.Conn) {
		fmt.Fprint(c,
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: "+
				"chunked\r\n\r\n6\r\n{\"Err\"\r\n4;x=y\r\n:\"\"}\r\n0\r\n\r\n")
	},
	"http10": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n{\"Err\":\"\"}")
	},
	"interim": func(c net.Conn) {
		fmt.Fprint(c, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	},
}

// misbehave does a fault.
func misbehave(w http.ResponseWriter, name string) {
	if answer := answers[name]; answer != "" {
		var status int
		code, body, _ := strings.Cut(answer, " ")
		fmt.Sscan(code, &status)
		w.Header().Set("Location", "http://127.0.0.1:1/")
		w.Header().Set("Content-Type", "application/vnd.docker.plugins.v1.1+json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	deeds[name](conn)
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// flood writes the same until the client has had enough.
func flood(c net.Conn, text string) {
	block := []byte(strings.Repeat(text, 4096))
	for {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// slow writes an answer byte by byte, for as long as the client waits.
func slow(c net.Conn) {
	for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n{") {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
	}
	for range 64 {
		if _, err := c.Write([]byte(" ")); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
