package spawn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTooMuch says that the output of a process exceeds its limit.
var ErrTooMuch = errors.New("too much output")

// Output collects what a process writes into a pipe. Process.Wait fills it. Not safe for concurrent
// use.
type Output struct {
	limit    int
	tail     bool
	data     []byte
	reader   int // -1 once closed
	writer   *os.File
	capacity int // of the pipe
}

// NewOutput makes the pipe. Output of more than limit bytes is ErrTooMuch; with tail, the last
// limit bytes are kept instead. The caller closes it.
func NewOutput(limit int, tail bool) (*Output, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	o := &Output{limit: limit, tail: tail, reader: fds[0], writer: os.NewFile(uintptr(fds[1]), "pipe")}
	// Each end has flags of its own: the plugin's end stays blocking.
	if err := unix.SetNonblock(o.reader, true); err != nil {
		o.Close()
		return nil, fmt.Errorf("pipe: %w", err)
	}
	var err error
	if o.capacity, err = unix.FcntlInt(uintptr(o.reader), unix.F_GETPIPE_SZ, 0); err != nil {
		o.Close()
		return nil, fmt.Errorf("pipe: %w", err)
	}
	return o, nil
}

// Writer is the end to give to the process, nil after CloseWriter.
func (o *Output) Writer() *os.File { return o.writer }

// CloseWriter closes this process' copy of the writing end, once the process is started.
func (o *Output) CloseWriter() {
	if o.writer != nil {
		o.writer.Close()
		o.writer = nil
	}
}

// Bytes returns what was collected.
func (o *Output) Bytes() []byte { return o.data[max(0, len(o.data)-o.limit):] }

// Close closes both ends. What was collected stays.
func (o *Output) Close() {
	o.CloseWriter()
	o.closeReader()
}

func (o *Output) closeReader() {
	if o.reader >= 0 {
		unix.Close(o.reader)
		o.reader = -1
	}
}

// pump reads what is in the pipe, but not much more than the pipe can hold: a writer that never
// pauses does not block the caller. It returns ErrTooMuch beyond the limit.
func (o *Output) pump() error {
	for taken := 0; o.reader >= 0 && taken <= o.capacity; {
		n, err := o.read()
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			o.closeReader()
			return fmt.Errorf("read from pipe: %w", err)
		case n == 0:
			o.closeReader()
			return nil
		}
		taken += n
		if !o.tail && len(o.data) > o.limit {
			return fmt.Errorf("%w: more than %d bytes", ErrTooMuch, o.limit)
		}
	}
	return nil
}

func (o *Output) read() (int, error) {
	const chunk = 16 << 10
	if o.tail && len(o.data) > 2*o.limit {
		o.data = append(o.data[:0], o.Bytes()...)
	}
	if cap(o.data)-len(o.data) < chunk {
		grown := make([]byte, len(o.data), 2*cap(o.data)+chunk)
		copy(grown, o.data)
		o.data = grown
	}
	n, err := unix.Read(o.reader, o.data[len(o.data):len(o.data)+chunk])
	if n > 0 {
		o.data = o.data[:len(o.data)+n]
	}
	return n, err
}
