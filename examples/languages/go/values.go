package aerospike

/*
#include <stdlib.h>
#include "aerospike_zig.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Values are nil, bool, int, int64, float64, string, []byte, []any, map[string]any, Map, GeoJSON and
// HyperLogLog. What is read has int64 for integers, and Map for maps inside of bins.

// Bins are a record's values by their names.
type Bins map[string]any

// Map has keys that are integers, strings or []byte, which are read as strings of type Blob.
type Map map[any]any

// Blob is a key of a map that is bytes, as those cannot be keys in Go.
type Blob string

// GeoJSON is a place or a region, as text.
type GeoJSON string

// HyperLogLog is a sketch of how many values there are.
type HyperLogLog []byte

const (
	extensionHyperLogLog = 18
	extensionPairs       = 19
	extensionOrdered     = 21
	extensionBothOrdered = 22
	extensionGeoJSON     = 23
)

// A request that is being written, in memory of the library's.
type writer struct {
	raw C.asz_writer
	err error
}

func newWriter() *writer {
	return &writer{raw: C.asz_writer{size: C.sizeof_asz_writer}}
}

func (out *writer) release() {
	C.asz_writer_release(&out.raw)
}

// What went wrong while it was written, if anything did.
func (out *writer) failure() error {
	if out.err == nil && out.raw.status != C.ASZ_OK {
		out.err = &Error{Code: int32(out.raw.status), Message: "the request could not be written"}
	}
	return out.err
}

func (out *writer) array(members ...any) {
	C.asz_write_array(&out.raw, C.uint32_t(len(members)))
	for _, member := range members {
		out.value(member)
	}
}

func (out *writer) value(value any) {
	switch value := value.(type) {
	case nil:
		C.asz_write_nil(&out.raw)
	case bool:
		flag := C.int32_t(0)
		if value {
			flag = 1
		}
		C.asz_write_boolean(&out.raw, flag)
	case int:
		C.asz_write_integer(&out.raw, C.int64_t(value))
	case int64:
		C.asz_write_integer(&out.raw, C.int64_t(value))
	case float64:
		C.asz_write_float(&out.raw, C.double(value))
	case string:
		out.text(value)
	case []byte:
		C.asz_write_bytes(&out.raw, first(value), C.uint64_t(len(value)))
	case Blob:
		out.value([]byte(value))
	case GeoJSON:
		out.extension(extensionGeoJSON, []byte(value))
	case HyperLogLog:
		out.extension(extensionHyperLogLog, value)
	case []any:
		out.array(value...)
	case Key:
		out.array(value.Namespace, value.Set, value.User)
	case Bins:
		out.names(value)
	case map[string]any:
		out.names(value)
	case Map:
		C.asz_write_map(&out.raw, C.uint32_t(len(value)))
		for key, member := range value {
			out.value(key)
			out.value(member)
		}
	default:
		if out.err == nil {
			out.err = fmt.Errorf("no value for Aerospike: %T", value)
		}
	}
}

func (out *writer) text(text string) {
	bytes := []byte(text)
	C.asz_write_string(&out.raw, (*C.char)(unsafe.Pointer(first(bytes))), C.uint64_t(len(bytes)))
}

func (out *writer) names(values map[string]any) {
	C.asz_write_map(&out.raw, C.uint32_t(len(values)))
	for name, value := range values {
		out.text(name)
		out.value(value)
	}
}

func (out *writer) extension(kind C.int8_t, data []byte) {
	C.asz_write_extension(&out.raw, kind, first(data), C.uint64_t(len(data)))
}

// For the time of a call: the library keeps no pointer after it.
func first(bytes []byte) *C.uint8_t {
	if len(bytes) == 0 {
		return nil
	}
	return (*C.uint8_t)(unsafe.Pointer(&bytes[0]))
}

// A value in memory of C's, copied.
func decode(data unsafe.Pointer, length C.uint64_t) (any, error) {
	in := C.asz_reader{data: (*C.uint8_t)(data), length: length}
	return read(&in)
}

func read(in *C.asz_reader) (any, error) {
	var raw C.asz_value
	if C.asz_read(in, &raw) != C.ASZ_OK {
		return nil, fmt.Errorf("no value at byte %d of %d", in.position, in.length)
	}
	switch raw.kind {
	case C.ASZ_VALUE_NIL:
		return nil, nil
	case C.ASZ_VALUE_BOOLEAN:
		return raw.integer != 0, nil
	case C.ASZ_VALUE_INTEGER:
		return int64(raw.integer), nil
	case C.ASZ_VALUE_FLOAT:
		return float64(raw.number), nil
	case C.ASZ_VALUE_STRING:
		return string(bytesOf(&raw)), nil
	case C.ASZ_VALUE_BYTES:
		return bytesOf(&raw), nil
	case C.ASZ_VALUE_ARRAY:
		members := make([]any, 0, raw.length)
		for len(members) < int(raw.length) {
			member, err := read(in)
			if err != nil {
				return nil, err
			}
			members = append(members, member)
		}
		return members, nil
	case C.ASZ_VALUE_MAP:
		return readMap(in, int(raw.length))
	case C.ASZ_VALUE_EXTENSION:
		switch raw.extension {
		case extensionGeoJSON:
			return GeoJSON(bytesOf(&raw)), nil
		case extensionHyperLogLog:
			return HyperLogLog(bytesOf(&raw)), nil
		case extensionOrdered, extensionBothOrdered, extensionPairs:
			return decode(unsafe.Pointer(raw.data), raw.length)
		}
	}
	return nil, fmt.Errorf("a value of kind %d, extension %d", raw.kind, raw.extension)
}

func readMap(in *C.asz_reader, count int) (Map, error) {
	pairs := make(Map, count)
	for ; count > 0; count-- {
		key, err := read(in)
		if err != nil {
			return nil, err
		}
		value, err := read(in)
		if err != nil {
			return nil, err
		}
		if bytes, isBytes := key.([]byte); isBytes {
			key = Blob(bytes)
		}
		pairs[key] = value
	}
	return pairs, nil
}

func bytesOf(raw *C.asz_value) []byte {
	return C.GoBytes(unsafe.Pointer(raw.data), C.int(raw.length))
}
