package fault

import "syscall"

// Kind is the stable class of an error. kind_generated.go lists all kinds.
type Kind string

// CNI error codes of the specification, section "Error".
const (
	CodeIncompatibleVersion = 1
	CodeUnsupportedField    = 2
	CodeInvalidEnvironment  = 4
	CodeIOFailure           = 5
	CodeDecodingFailure     = 6
	CodeInvalidConfig       = 7
	CodeInvalidNetns        = 8 // used by the CNI project's Go types, not in the specification's table
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
