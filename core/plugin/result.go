package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

// Result is a CNI result: the answer of a plugin process as the bytes it wrote, or that of a built-in as a value. Each
// form is made from the other only when it is asked for. A Result is not changed once made; not safe for concurrent use.
type Result struct {
	value   *types100.Result
	raw     []byte
	version string // of raw
}

// NewResult wraps a built-in's answer. The caller must not change r afterwards.
func NewResult(r *types100.Result) *Result { return &Result{value: r} }

// ParseResult takes the JSON of a result of any version. A result without cniVersion is of the given version.
func ParseResult(raw []byte, version string) (*Result, error) {
	var head struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	if head.CNIVersion == "" {
		head.CNIVersion = version
	}
	r := &Result{raw: bytes.Clone(raw), version: head.CNIVersion}
	if _, err := r.Value(); err != nil {
		return nil, err
	}
	return r, nil
}

// Value returns the result as the current version of the specification has it. The caller must not change it.
func (r *Result) Value() (*types100.Result, error) {
	if r.value != nil {
		return r.value, nil
	}
	parsed, err := create.Create(r.version, r.raw)
	if err != nil {
		return nil, fmt.Errorf("result of version %s: %w", r.version, err)
	}
	r.value, err = types100.NewResultFromResult(parsed)
	if err != nil {
		return nil, fmt.Errorf("result of version %s: %w", r.version, err)
	}
	return r.value, nil
}

// JSON returns the result in the given version of the specification.
func (r *Result) JSON(version string) ([]byte, error) {
	if r.raw != nil && r.version == version {
		return r.raw, nil
	}
	value, err := r.Value()
	if err != nil {
		return nil, err
	}
	converted, err := value.GetAsVersion(version)
	if err != nil {
		return nil, fmt.Errorf("result to version %s: %w", version, err)
	}
	return json.Marshal(converted)
}
