package fault

import "syscall"

// Kind is the stable class of an error. cni.h lists all of them.
type Kind string

// The kinds. See the table in cni.h for when each is returned.
const (
	InvalidRequestKind  Kind = "invalid-request"
	InvalidConfigKind   Kind = "invalid-config"
	NetworkNotFound     Kind = "network-not-found"
	PluginNotFound      Kind = "plugin-not-found"
	NamespaceNotFound   Kind = "namespace-not-found"
	NotANamespace       Kind = "not-a-namespace"
	Exists              Kind = "exists"
	Timeout             Kind = "timeout"
	Cancelled           Kind = "cancelled"
	Busy                Kind = "busy"
	PluginFailed        Kind = "plugin-failed"
	DriftKind           Kind = "drift"
	PluginProtocol      Kind = "plugin-protocol"
	PluginStatusUnknown Kind = "plugin-status-unknown"

	VolumePluginNotFound    Kind = "volume-plugin-not-found"
	VolumePluginUnreachable Kind = "volume-plugin-unreachable"
	NotAPlugin              Kind = "not-a-plugin"
	WrongPluginKind         Kind = "wrong-plugin-kind"
	VolumePluginFailed      Kind = "volume-plugin-failed"
	VolumeNotFound          Kind = "volume-not-found"
	VolumeNoMountpoint      Kind = "volume-no-mountpoint"

	State       Kind = "state"
	Permission  Kind = "permission"
	Unsupported Kind = "unsupported"
	Forked      Kind = "forked"
	Bug         Kind = "bug"
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
	InvalidRequestKind:  {syscall.EINVAL, CodeInvalidEnvironment, false},
	InvalidConfigKind:   {syscall.EINVAL, CodeInvalidConfig, false},
	NetworkNotFound:     {syscall.ENOENT, CodeInvalidConfig, false},
	PluginNotFound:      {syscall.ENOENT, CodeInternal, false},
	NamespaceNotFound:   {syscall.ENOENT, CodeInvalidNetns, false},
	NotANamespace:       {syscall.EINVAL, CodeInvalidNetns, false},
	Exists:              {syscall.EEXIST, CodeInternal, false},
	Timeout:             {syscall.ETIMEDOUT, CodeTryAgainLater, true},
	Cancelled:           {syscall.ECANCELED, CodeInternal, true},
	Busy:                {syscall.EBUSY, CodeTryAgainLater, true},
	PluginFailed:        {0, CodeInternal, false},
	DriftKind:           {0, CodeInternal, false},
	PluginProtocol:      {syscall.EPROTO, CodeDecodingFailure, false},
	PluginStatusUnknown: {syscall.ECHILD, CodeInternal, true},

	VolumePluginNotFound:    {syscall.ENOENT, CodeInternal, false},
	VolumePluginUnreachable: {syscall.ECONNREFUSED, CodeTryAgainLater, true},
	NotAPlugin:              {syscall.EPROTO, CodeInternal, false},
	WrongPluginKind:         {syscall.EPROTOTYPE, CodeInternal, false},
	VolumePluginFailed:      {0, CodeInternal, false},
	VolumeNotFound:          {syscall.ENOENT, CodeInternal, false},
	VolumeNoMountpoint:      {syscall.EPROTO, CodeInternal, false},

	State:       {syscall.EIO, CodeIOFailure, true},
	Permission:  {syscall.EPERM, CodeInternal, false},
	Unsupported: {syscall.ENOTSUP, CodeUnsupportedField, false},
	Forked:      {syscall.ENOTRECOVERABLE, CodeInternal, false},
	Bug:         {syscall.EFAULT, CodeInternal, false},
}

// stateErrnos are the causes that kind state passes on as its return value; any other cause is EIO.
var stateErrnos = map[syscall.Errno]bool{
	syscall.ENOSPC: true, syscall.EROFS: true, syscall.EACCES: true, syscall.EMFILE: true,
}
