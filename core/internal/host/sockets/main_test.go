package sockets_test

import (
	"os"
	"testing"

	"github.com/libcni/libcni/core/internal/host/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }
