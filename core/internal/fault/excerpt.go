package fault

import "strings"

// excerptLimit is the number of bytes that a message quotes of a text of others.
const excerptLimit = 200

// Excerpt returns a text for use in a message: its beginning, if it is long.
func Excerpt(text string) string { return Limit(text, excerptLimit) }

// Limit returns a text of at most limit bytes and a mark: the beginning, if it is longer.
func Limit(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + " …"
}
