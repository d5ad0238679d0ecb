package main

import (
	"encoding/binary"
	"fmt"
	"math"
)

// As much of MessagePack as the example needs. A program of yours would take a module.
//
// Values are nil, bool, int64, float64, string, []byte, []any and Map.

// Map keeps its pairs' order, and any value may be a key.
type Map []Pair

// Pair is one of a Map's.
type Pair struct {
	Key, Value any
}

// Get finds what a text stands for; nil when it is not there.
func (m Map) Get(name string) any {
	for _, pair := range m {
		if pair.Key == any(name) {
			return pair.Value
		}
	}
	return nil
}

func encode(value any) []byte {
	return appendValue(nil, value)
}

func appendValue(out []byte, value any) []byte {
	switch value := value.(type) {
	case nil:
		return append(out, 0xc0)
	case bool:
		if value {
			return append(out, 0xc3)
		}
		return append(out, 0xc2)
	case int64:
		return binary.BigEndian.AppendUint64(append(out, 0xd3), uint64(value))
	case float64:
		return binary.BigEndian.AppendUint64(append(out, 0xcb), math.Float64bits(value))
	case string:
		return append(appendLength(out, 0xdb, len(value)), value...)
	case []byte:
		return append(appendLength(out, 0xc6, len(value)), value...)
	case []any:
		out = appendLength(out, 0xdd, len(value))
		for _, member := range value {
			out = appendValue(out, member)
		}
		return out
	case Map:
		out = appendLength(out, 0xdf, len(value))
		for _, pair := range value {
			out = appendValue(appendValue(out, pair.Key), pair.Value)
		}
		return out
	default:
		panic(fmt.Sprintf("no value for Aerospike: %T", value))
	}
}

func appendLength(out []byte, kind byte, length int) []byte {
	return binary.BigEndian.AppendUint32(append(out, kind), uint32(length))
}

type reader struct {
	data []byte
}

// Decodes one value, and copies what it is made of.
func decode(data []byte) (value any, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("no MessagePack that this example reads: %v", reason)
		}
	}()
	in := reader{data}
	return in.value(), nil
}

func (in *reader) take(count int) []byte {
	taken := in.data[:count]
	in.data = in.data[count:]
	return taken
}

func (in *reader) number(width int) uint64 {
	var number uint64
	for _, each := range in.take(width) {
		number = number<<8 | uint64(each)
	}
	return number
}

func (in *reader) text(length int) string {
	return string(in.take(length))
}

func (in *reader) bytes(length int) []byte {
	return append([]byte{}, in.take(length)...)
}

func (in *reader) array(count int) []any {
	members := make([]any, 0, count)
	for len(members) < count {
		members = append(members, in.value())
	}
	return members
}

func (in *reader) pairs(count int) Map {
	pairs := make(Map, 0, count)
	for len(pairs) < count {
		key := in.value()
		pairs = append(pairs, Pair{key, in.value()})
	}
	return pairs
}

func (in *reader) value() any {
	kind := in.take(1)[0]
	switch {
	case kind <= 0x7f:
		return int64(kind)
	case kind <= 0x8f:
		return in.pairs(int(kind & 15))
	case kind <= 0x9f:
		return in.array(int(kind & 15))
	case kind <= 0xbf:
		return in.text(int(kind & 31))
	case kind == 0xc0:
		return nil
	case kind == 0xc2 || kind == 0xc3:
		return kind == 0xc3
	case kind >= 0xc4 && kind <= 0xc6:
		return in.bytes(int(in.number(1 << (kind - 0xc4))))
	case kind == 0xcb:
		return math.Float64frombits(in.number(8))
	case kind >= 0xcc && kind <= 0xcf:
		return int64(in.number(1 << (kind - 0xcc)))
	case kind == 0xd0:
		return int64(int8(in.number(1)))
	case kind == 0xd1:
		return int64(int16(in.number(2)))
	case kind == 0xd2:
		return int64(int32(in.number(4)))
	case kind == 0xd3:
		return int64(in.number(8))
	case kind >= 0xd9 && kind <= 0xdb:
		return in.text(int(in.number(1 << (kind - 0xd9))))
	case kind == 0xdc || kind == 0xdd:
		return in.array(int(in.number(2 << (kind - 0xdc))))
	case kind == 0xde || kind == 0xdf:
		return in.pairs(int(in.number(2 << (kind - 0xde))))
	case kind >= 0xe0:
		return int64(int8(kind))
	default:
		panic(fmt.Sprintf("a value of kind %#x", kind))
	}
}
