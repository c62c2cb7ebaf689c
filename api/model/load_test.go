package model

import (
	"testing"

	"github.com/libcni/libcni/api"
)

func TestTheDescriptionIsComplete(t *testing.T) {
	if _, err := Load(api.Description()); err != nil {
		t.Fatal(err)
	}
}
