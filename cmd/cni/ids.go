package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// machineMade matches the ids that programs make: long ones of hexadecimal digits, as those of
// container engines, and those that are derived from a namespace as in cnitool. The first group is
// what tables show of them.
var machineMade = regexp.MustCompile(`^((?:cnitool-)?[0-9a-f]{12})[0-9a-f]{8,}$`)

// shortID returns an id as tables show it: a long one that a program has made is cut.
func shortID(id string) string {
	if m := machineMade.FindStringSubmatch(id); m != nil {
		return m[1]
	}
	return id
}

// isComplete reports whether an id is no shorter than those that programs make.
func isComplete(id string) bool {
	return len(id) >= 64 || strings.HasPrefix(id, "cnitool-") && machineMade.MatchString(id)
}

// effect is what a verb does to the attachment whose id it takes.
type effect bool

const (
	reads   effect = false
	removes effect = true
)

// resolveID returns the id of an attached container that begins with the given text, if there is
// exactly one; an id that is equal goes first. A text without such an id is returned as it is, and
// so is one for a verb that removes, unless the id is one that a program has made: "web-1" must not
// remove "web-10".
func (a *app) resolveID(ctx context.Context, text string, does effect) (string, error) {
	return matchID(a.idsWithPrefix(ctx, text), text, does)
}

// matchID is resolveID for a list of ids, sorted, that begin with the text.
func matchID(matches []string, text string, does effect) (string, error) {
	if does == removes {
		matches = slices.DeleteFunc(slices.Clone(matches), func(id string) bool {
			return id != text && !machineMade.MatchString(id)
		})
	}

	switch {
	case len(matches) == 0 || slices.Contains(matches, text):
		return text, nil
	case len(matches) > 1:
		return "", fmt.Errorf("id %q is ambiguous: it is the beginning of %s", text,
			strings.Join(matches, ", "))
	default:
		return matches[0], nil
	}
}

// idsWithPrefix returns the ids of attached containers that begin with a text, sorted. State that
// cannot be read is left to the verb itself.
func (a *app) idsWithPrefix(ctx context.Context, text string) []string {
	r, err := a.request()
	if err != nil || text == "" || isComplete(text) {
		return nil
	}

	var answer attachmentsAnswer
	if _, err := a.ask(ctx, "attachments", r, &answer); err != nil {
		return nil
	}

	return withPrefix(answer.Attachments, text)
}

// withPrefix returns the ids of attachments that begin with a text, sorted.
func withPrefix(attachments []attachment, text string) []string {
	var matches []string
	for _, at := range attachments {
		if strings.HasPrefix(at.ContainerID, text) {
			matches = append(matches, at.ContainerID)
		}
	}
	slices.Sort(matches)
	return slices.Compact(matches)
}
