package volumes

import (
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/libcni/libcni/test/rig"
)

// A plugin that closes without reading what it is sent must not kill its host with SIGPIPE, and no
// descriptor stays open.
func TestHostInCSurvivesAPluginThatHangsUp(t *testing.T) {
	program := rig.Compile(t, "testdata/host.c", rig.Shared(t)...)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "x.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// The handshake first, and then nothing: the next connection is closed with megabytes unread.
			if _, err := conn.Read(make([]byte, 4096)); err != nil {
				continue
			}
			fmt.Fprint(conn,
				"HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\n{\"Implements\":[\"VolumeDriver\"]}")
			conn.Close()
			if conn, err = listener.Accept(); err == nil {
				conn.Close()
			}
		}
	}()
	request, err := json.Marshal(object{
		"plugin": "unix://" + listener.Addr().String(), "name": "v",
		"opts": object{"big": strings.Repeat("x", 4<<20)},
	})
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(program)
	host.Stdin = strings.NewReader(strings.Repeat("volume.create "+string(request)+"\n", 4))
	out, err := host.Output()
	if err != nil {
		t.Fatalf("the host: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := strings.Split(strings.TrimSpace(strings.Repeat(lines[0]+"\n", 4)), "\n")
	if diff := cmp.Diff(want, lines); diff != "" || !strings.HasPrefix(lines[0], "-71 ") ||
		!strings.HasSuffix(lines[0], " 0") {
		t.Errorf("return value, descriptors, SIGPIPE blocked (-first +got):\n%s%s", diff, out)
	}
}
