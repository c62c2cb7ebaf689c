package nft

import "sync"

// encodings are the two encodings of a rule's steps, each made when it is first asked for: as nft
// would give them, and their meaning. Rules nearly always are as they were made, so that the first,
// which costs a fraction of the second, decides. Safe for concurrent use: the cache has rules.
type encodings struct {
	plain, meaning func() (string, bool)
}

func encodingsOf(f Family, steps []Expr) *encodings {
	return &encodings{
		plain: sync.OnceValues(func() (string, bool) { return encodedSteps(f, asNft(steps)) }),
		meaning: sync.OnceValues(func() (string, bool) {
			encoded, ok := meaning(f, steps)
			return string(encoded), ok
		}),
	}
}

// equal reports whether the steps of both do the same. Those that cannot be encoded do not.
func (e *encodings) equal(other *encodings) bool {
	return equalEncodings(e.plain, other.plain) || equalEncodings(e.meaning, other.meaning)
}

func equalEncodings(a, b func() (string, bool)) bool {
	own, ok := a()
	others, also := b()
	return ok && also && own == others
}
