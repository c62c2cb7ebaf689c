package conf

import (
	"strings"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/libcni/libcni/core/internal/jsonobject"
	"github.com/libcni/libcni/core/internal/spec"
)

// version selects the version to use: the highest supported one of cniVersion and cniVersions.
func (l *List) version() (string, error) {
	single, err := l.text(keyVersion)
	if err != nil {
		return "", err
	}

	offered, err := l.versions()
	if err != nil {
		return "", err
	}

	if single != "" {
		if err := parseVersion(keyVersion, single); err != nil {
			return "", err
		}

		offered = append(offered, single)
	}
	if len(offered) == 0 {
		return spec.DefaultVersion, nil
	}
	if highest := spec.Highest(offered); spec.Supports(highest) {
		return highest, nil
	}

	return "", jsonobject.Errorf(keyVersion, "%s is not supported; supported versions are %s",
		strings.Join(offered, ", "), supported())
}

// versions returns the elements of cniVersions.
func (l *List) versions() ([]string, error) {
	const key = "cniVersions"
	value, found := l.members.Get(key)
	if !found {
		return nil, nil
	}

	elements, err := jsonobject.Elements(value)
	if err != nil {
		return nil, jsonobject.Errorf(key, "%v", err)
	}

	var offered []string
	for i, element := range elements {
		text, ok := jsonobject.String(element)
		if !ok {
			return nil, jsonobject.Errorf(key+index(i), "expected a string, got %s",
				jsonobject.Describe(element.Kind()))
		}
		if err := parseVersion(key+index(i), text); err != nil {
			return nil, err
		}

		if text != "" {
			offered = append(offered, text)
		}
	}

	return offered, nil
}

func parseVersion(key, text string) error {
	if spec.Supports(text) {
		return nil
	}
	if _, _, _, err := version.ParseVersion(text); err != nil {
		return jsonobject.Errorf(key, "%q is not a version; supported versions are %s", text, supported())
	}
	return nil
}

func supported() string { return strings.Join(spec.Versions(), ", ") }
