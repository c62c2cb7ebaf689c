package fault

import (
	"context"
	"errors"
)

// Ended returns the error of work under a context that is done as an error of kind timeout or
// cancelled: what failed then may have failed because of it, whatever it reports. An error that
// would be the same without the context, such as an invalid configuration, stays as it is, and so
// does any error while the context is not done.
func Ended(ctx context.Context, err error) error {
	cause := ctx.Err()
	if err == nil || cause == nil || !mayBeOfContext(err) {
		return err
	}
	e := *From(errors.Join(cause, err), KindState)
	if given := (*Error)(nil); errors.As(err, &given) {
		ended := From(cause, KindState)
		e = *given
		e.Kind, e.Code, e.Errno, e.Retryable = ended.Kind, ended.Code, ended.Errno, ended.Retryable
		e.number, e.cause = ended.number, errors.Join(cause, err)
		e.Msg = ended.Msg + ": " + given.Msg
	}
	return &e
}

// mayBeOfContext reports whether the end of a context may be what an error is about. An error with
// a code of the specification's, or of a plugin's, is the plugin's own.
func mayBeOfContext(err error) bool {
	switch e := From(err, KindPluginFailed); e.Kind {
	case KindState:
		return true
	case KindPluginFailed:
		return e.Code == CodeInternal
	default:
		return false
	}
}
