package abi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/libcni/libcni/test/rig"
)

// vector is a request and what it must be answered with. Other languages replay the same files.
type vector struct {
	Name   string `json:"name"`
	Method string `json:"method"`

	// The request is one of: JSON other than a string, sent as it stands; a string, whose text is
	// sent; null, for no request at all; bytes in hexadecimal; text repeated.
	Request       json.RawMessage `json:"request"`
	RequestHex    string          `json:"requestHex"`
	RequestRepeat *struct {
		Before, Text, After string
		Count               int
	} `json:"requestRepeat"`

	RC               int      `json:"rc"`
	Kind             string   `json:"kind"`
	ResponseContains []string `json:"responseContains"`
}

// encoded is the request as vectors.c reads it.
func (v vector) encoded(t *testing.T) string {
	t.Helper()
	var text string
	switch r := v.RequestRepeat; {
	case r != nil:
		return hex.EncodeToString([]byte(r.Before + strings.Repeat(r.Text, r.Count) + r.After))
	case v.RequestHex != "":
		return v.RequestHex
	case string(v.Request) == "null":
		return "NULL"
	case json.Unmarshal(v.Request, &text) == nil:
		return hex.EncodeToString([]byte(text))
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, v.Request); err != nil {
		t.Fatalf("%s: request: %v", v.Name, err)
	}
	return hex.EncodeToString(compact.Bytes())
}

func vectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob("vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var all []vector
	names := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var some []vector
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&some); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range some {
			if names[v.Name] {
				t.Errorf("%s: there are two vectors %q", file, v.Name)
			}
			names[v.Name] = true
		}
		all = append(all, some...)
	}
	return all
}

func TestVectorsLinkedDynamically(t *testing.T) {
	replay(t, compile(t, "programs/vectors.c", rig.Shared(t)...))
}

func TestVectorsLinkedStatically(t *testing.T) {
	replay(t, compile(t, "programs/vectors.c", static(t)...))
}

// replay runs all vectors in one process: a request that harms it fails those after it.
func replay(t *testing.T, program string, args ...string) {
	all := vectors(t)
	var input strings.Builder
	for _, v := range all {
		fmt.Fprintf(&input, "%s %s\n", v.Method, v.encoded(t))
	}
	command := exec.CommandContext(deadline(t), program, args...)
	command.Stdin = strings.NewReader(input.String())
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil || stderr.Len() != 0 {
		t.Errorf("%v, and on standard error: %s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for i, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			if len(lines) < 3*i+3 {
				t.Fatal("no answer")
			}
			v.check(t, lines[3*i])
			v.check(t, lines[3*i+1]) // by cni_call
			if lines[3*i+2] != strconv.Itoa(v.RC) {
				t.Errorf("without a response: returned %s, want %d", lines[3*i+2], v.RC)
			}
		})
	}
}

func (v vector) check(t *testing.T, line string) {
	t.Helper()
	rc, response, _ := strings.Cut(line, " ")
	if rc != strconv.Itoa(v.RC) {
		t.Errorf("returned %s, want %d: %s", rc, v.RC, response)
	}
	var answer struct {
		CNIVersion, Msg, Kind string
		Code                  int64
		Retryable             *bool
	}
	if err := json.Unmarshal([]byte(response), &answer); err != nil {
		t.Fatalf("response: %v: %q", err, response)
	}
	if v.Kind != "" && answer.Kind != v.Kind {
		t.Errorf("kind %q, want %q: %s", answer.Kind, v.Kind, response)
	}
	if v.RC != 0 &&
		(answer.CNIVersion == "" || answer.Code <= 0 || answer.Msg == "" || answer.Retryable == nil) {
		t.Errorf("the error lacks cniVersion, code, msg or retryable: %s", response)
	}
	for _, part := range v.ResponseContains {
		if !strings.Contains(response, part) {
			t.Errorf("%q is not in the response: %s", part, response)
		}
	}
}
