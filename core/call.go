package core

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/libcni/libcni/api"
	"github.com/libcni/libcni/core/internal/fault"
	"github.com/libcni/libcni/core/internal/spec"
)

// Call serves a request in JSON: cni_<method> in C. It returns 0 and the verb's response, or the
// return value of an error (see Error.Return) and the error object.
func (e *Engine) Call(ctx context.Context, caller Caller, method string,
	request []byte) (rc int, response []byte) {
	serve, known := methods[method]
	if !known {
		return failed(fault.InvalidRequest("method", "there is no method %q; the methods are %s", method,
			strings.Join(Methods(), ", ")))
	}
	caller.began = time.Now()
	answer, err := serve(e, ctx, caller, request)
	if err != nil {
		return failed(fault.From(err, fault.KindState))
	}
	response, err = encode(answer)
	if err != nil {
		return failed(fault.New(fault.KindBug, err, "encoding the answer of %s", method))
	}
	return 0, response
}

// Methods returns the names that Call knows, sorted.
func Methods() []string {
	names := make([]string, 0, len(methods))
	for name := range methods {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func failed(err *fault.Error) (int, []byte) {
	setDefault(&err.CNIVersion, spec.Highest(spec.Versions()))
	response, encodeErr := encodeError(err)
	if encodeErr != nil {
		return failed(fault.New(fault.KindBug, encodeErr, "encoding the error %q", err.Msg))
	}
	return err.Return(), response
}

type method func(e *Engine, ctx context.Context, caller Caller, request []byte) (any, error)

// typed makes a method of a verb: it decodes the request.
func typed[R interface {
	*Request
	request
}, Request, Answer any](verb func(*Engine, context.Context, Caller, R) (Answer, error)) method {
	return func(e *Engine, ctx context.Context, caller Caller, data []byte) (any, error) {
		r := R(new(Request))
		if err := e.requests.Decode(data, r.fields(), r.ignoreUnknown()); err != nil {
			return nil, err
		}
		return verb(e, ctx, caller, r)
	}
}

// describe returns the API description and ignores the request.
func describe(*Engine, context.Context, Caller, []byte) (any, error) {
	return jsontext.Value(api.Description()), nil
}
