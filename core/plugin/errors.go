package plugin

import "fmt"

// Error is a plugin's error with a code: one that the specification defines, or one of the plugin's
// own from 100 on. Any other error has code 999.
type Error struct {
	Code    int // positive
	Msg     string
	Details string
}

func (e *Error) Error() string { return e.Msg }

// Difference is one difference between what an attachment should be and what the kernel holds.
type Difference struct {
	Object   string // such as "link eth0" or "address 10.1.0.2/24 on eth0"
	Expected string
	Actual   string // "missing" if there is nothing
}

// Differences is the error of a Check: all that it found.
type Differences []Difference

func (d Differences) Error() string {
	if len(d) == 0 {
		return "no differences"
	}
	return fmt.Sprintf("%s: expected %s, found %s (%d in all)", d[0].Object, d[0].Expected,
		d[0].Actual, len(d))
}
