package plugin

import "fmt"

// Read returns what p reads of the configuration and the arguments of an ADD, of type C: what
// ReadConfig returned before the list's first plugin was run, else what it returns now. A second
// Read of an Invocation reads anew, so that Add may change what it got.
func Read[C any](p ConfigReader, inv *Invocation) (C, error) {
	value := inv.Ahead
	inv.Ahead = nil
	if value == nil {
		var err error
		if value, err = p.ReadConfig(inv); err != nil {
			var none C
			return none, err
		}
	}

	c, ok := value.(C)
	if !ok {
		return c, fmt.Errorf("ReadConfig returned a %T, not a %T", value, c)
	}
	return c, nil
}
