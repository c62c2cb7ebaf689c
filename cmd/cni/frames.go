package main

import "encoding/binary"

// Types of frames, as cni_dl.h reads them.
const (
	frameEvent  = 'L'
	frameAnswer = 'R'
)

// frame writes one frame: the length of the rest and the type, then head, text and a NUL. A single
// write keeps frames from being interleaved.
func (a *app) frame(kind uint32, head, text []byte) error {
	b := make([]byte, 0, 8+len(head)+len(text)+1)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(head)+len(text)+1))
	b = binary.NativeEndian.AppendUint32(b, kind)
	b = append(append(append(b, head...), text...), 0)
	_, err := a.out.Write(b)
	return err
}

// answerFrame is answer as a frame, with the unchanged response.
func (a *app) answerFrame(rc int, response []byte) error {
	return a.frame(frameAnswer, binary.NativeEndian.AppendUint32(nil, uint32(int32(rc))), response)
}
