package fault

import "syscall"

// Kind is the stable class of an error. cni.h lists all of them.
type Kind string

// The kinds. See the table in cni.h for when each is returned.
const (
	KindInvalidRequest      Kind = "invalid-request"
	KindInvalidConfig       Kind = "invalid-config"
	KindNetworkNotFound     Kind = "network-not-found"
	KindPluginNotFound      Kind = "plugin-not-found"
	KindNamespaceNotFound   Kind = "namespace-not-found"
	KindNotANamespace       Kind = "not-a-namespace"
	KindExists              Kind = "exists"
	KindTimeout             Kind = "timeout"
	KindCancelled           Kind = "cancelled"
	KindBusy                Kind = "busy"
	KindPluginFailed        Kind = "plugin-failed"
	KindDrift               Kind = "drift"
	KindPluginProtocol      Kind = "plugin-protocol"
	KindPluginStatusUnknown Kind = "plugin-status-unknown"

	KindVolumePluginNotFound    Kind = "volume-plugin-not-found"
	KindVolumePluginUnreachable Kind = "volume-plugin-unreachable"
	KindNotAPlugin              Kind = "not-a-plugin"
	KindWrongPluginKind         Kind = "wrong-plugin-kind"
	KindVolumePluginFailed      Kind = "volume-plugin-failed"
	KindVolumeNotFound          Kind = "volume-not-found"
	KindVolumeNoMountpoint      Kind = "volume-no-mountpoint"

	KindState       Kind = "state"
	KindPermission  Kind = "permission"
	KindUnsupported Kind = "unsupported"
	KindForked      Kind = "forked"
	KindBug         Kind = "bug"
)

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

var kinds = map[Kind]traits{
	KindInvalidRequest:      {syscall.EINVAL, CodeInvalidEnvironment, false},
	KindInvalidConfig:       {syscall.EINVAL, CodeInvalidConfig, false},
	KindNetworkNotFound:     {syscall.ENOENT, CodeInvalidConfig, false},
	KindPluginNotFound:      {syscall.ENOENT, CodeInternal, false},
	KindNamespaceNotFound:   {syscall.ENOENT, CodeInvalidNetns, false},
	KindNotANamespace:       {syscall.EINVAL, CodeInvalidNetns, false},
	KindExists:              {syscall.EEXIST, CodeInternal, false},
	KindTimeout:             {syscall.ETIMEDOUT, CodeTryAgainLater, true},
	KindCancelled:           {syscall.ECANCELED, CodeInternal, true},
	KindBusy:                {syscall.EBUSY, CodeTryAgainLater, true},
	KindPluginFailed:        {0, CodeInternal, false},
	KindDrift:               {0, CodeInternal, false},
	KindPluginProtocol:      {syscall.EPROTO, CodeDecodingFailure, false},
	KindPluginStatusUnknown: {syscall.ECHILD, CodeInternal, true},

	KindVolumePluginNotFound:    {syscall.ENOENT, CodeInternal, false},
	KindVolumePluginUnreachable: {syscall.ECONNREFUSED, CodeTryAgainLater, true},
	KindNotAPlugin:              {syscall.EPROTO, CodeInternal, false},
	KindWrongPluginKind:         {syscall.EPROTOTYPE, CodeInternal, false},
	KindVolumePluginFailed:      {0, CodeInternal, false},
	KindVolumeNotFound:          {syscall.ENOENT, CodeInternal, false},
	KindVolumeNoMountpoint:      {syscall.EPROTO, CodeInternal, false},

	KindState:       {syscall.EIO, CodeIOFailure, true},
	KindPermission:  {syscall.EPERM, CodeInternal, false},
	KindUnsupported: {syscall.ENOTSUP, CodeUnsupportedField, false},
	KindForked:      {syscall.ENOTRECOVERABLE, CodeInternal, false},
	KindBug:         {syscall.EFAULT, CodeInternal, false},
}

// stateErrnos are the causes that kind state passes on as its return value; any other cause is EIO.
var stateErrnos = map[syscall.Errno]bool{
	syscall.ENOSPC: true, syscall.EROFS: true, syscall.EACCES: true, syscall.EMFILE: true,
}
