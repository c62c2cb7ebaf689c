package core

import (
	"context"

	"github.com/libcni/libcni/core/internal/host/firewalld"
)

// WatchFirewalld calls changed once it watches, and then after each start and each reload of
// firewalld on the system's bus: both lose what firewalld has for containers, and Repair restores
// it. It ends without an error when the context is done.
func WatchFirewalld(ctx context.Context, changed func()) error {
	return firewalld.Watch(ctx, firewalld.SystemBus, changed)
}
