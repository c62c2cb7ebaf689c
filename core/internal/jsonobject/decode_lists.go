package jsonobject

// readMembers reads an object with arbitrary names.
func readMembers[T any](d *decoder, into *map[string]T, value func(*T) any) error {
	switch d.PeekKind() {
	case 'n':
		*into = nil
	case '{':
		if *into == nil {
			*into = map[string]T{}
		}
	}
	return d.members(func(quoted []byte) error {
		name, ok := String(quoted)
		if !ok {
			name = string(unquote(quoted))
		}
		var member T
		err := d.value(value(&member))
		(*into)[name] = member
		return err
	})
}

// pair reads an array of two strings. Missing elements become "", further ones are ignored.
func (d *decoder) pair(into *[2]string) error {
	if d.PeekKind() == 'n' {
		return d.skip()
	}
	i := 0
	err := d.elements(func() error {
		if i++; i > len(into) {
			return d.skip()
		}
		return d.value(&into[i-1])
	})
	for ; i < len(into); i++ {
		into[i] = ""
	}
	return err
}

// elements calls read for each element of an array.
func (d *decoder) elements(read func() error) error {
	if kind := d.PeekKind(); kind != '[' {
		return d.mismatch(kind, "an array")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != ']' {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// List is the destination of a list: element returns the destination of an element.
func List[T any](into *[]T, element func(*T) any) any {
	return reader(func(d *decoder) error { return readList(d, into, element) })
}

func readList[T any](d *decoder, into *[]T, element func(*T) any) error {
	if d.PeekKind() == 'n' {
		*into = nil
		return d.skip()
	}
	list, n := *into, 0
	err := d.elements(func() error {
		if n == len(list) {
			list = append(list, *new(T))
		}
		n++
		return d.value(element(&list[n-1]))
	})
	if *into = list[:n]; n == 0 {
		*into = []T{}
	}
	return err
}

// Optional is the destination of an optional value: value returns the destination of what the
// pointer points to. null makes the pointer nil.
func Optional[T any](into **T, value func(*T) any) any {
	return reader(func(d *decoder) error { return readOptional(d, into, value) })
}

func readOptional[T any](d *decoder, into **T, value func(*T) any) error {
	if d.PeekKind() == 'n' {
		*into = nil
		return d.skip()
	}
	if *into == nil {
		*into = new(T)
	}
	return d.value(value(*into))
}
