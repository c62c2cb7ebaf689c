package fault

import "syscall"

// Kind is the stable class of an error. kind_generated.go lists all kinds.
type Kind string

// CNI error codes of the specification, section "Error".
const (
	CodeIncompatibleVersion = 1
	CodeInvalidConfig       = 7
	CodeTryAgainLater       = 11
	CodePluginNotAvailable  = 50
	CodeLimitedConnectivity = 51
	CodeInternal            = 999
)

type traits struct {
	number    syscall.Errno // 0: the function returns the code
	code      int64
	retryable bool
}
