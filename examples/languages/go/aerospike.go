package main

/*
#cgo LDFLAGS: -laerospike_zig
#include <poll.h>
#include "aerospike_zig.h"

// Returns early when a signal interrupts it.
static void wait_readable(int descriptor) {
  struct pollfd readable = {.fd = descriptor, .events = POLLIN};
  poll(&readable, 1, -1);
}
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"sync"
	"unsafe"
)

const (
	completionsMax = 256
	dataBytes      = 256 * 1024
)

// Error says why an operation failed: a positive code is the server's, a negative one the library's.
type Error struct {
	Code    int32
	InDoubt bool
	Node    string
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%d: %s", e.Code, e.Message)
}

// NotFound is the code of a record that is not there.
const NotFound = 2

// Key is a namespace, a set and what the record is called there: an integer, a string or bytes.
type Key struct {
	Namespace, Set string
	User           any
}

func (key Key) value() any {
	return []any{key.Namespace, key.Set, key.User}
}

// Record is what the server keeps under a key.
type Record struct {
	Generation, TTL int64
	Bins            Map
}

// Client is a connection to a cluster, for any number of goroutines.
//
// What is submitted has the number of a cgo.Handle for its token, so the library holds no pointer
// of Go's. One goroutine collects what has ended, and calls what is behind the handle.
type Client struct {
	handle     *C.asz_client
	descriptor C.int

	lock      sync.Mutex
	changed   *sync.Cond
	inFlight  int
	isClosing bool
	collected chan struct{} // Closed by the collecting goroutine when it ends.
}

// Connect connects to the cluster that the host belongs to.
func Connect(host string, port int) (*Client, error) {
	if version := C.asz_abi_version(); version != C.ASZ_ABI_VERSION {
		return nil, fmt.Errorf("the library has ABI version %d, not %d", version, C.ASZ_ABI_VERSION)
	}
	config := encode(Map{{"hosts", []any{[]any{host, int64(port)}}}})
	client := &Client{collected: make(chan struct{})}
	client.changed = sync.NewCond(&client.lock)
	raw := newError()
	status := C.asz_client_create(bytesOf(config), C.uint64_t(len(config)), &client.handle, raw)
	if status != C.ASZ_OK {
		return nil, failure(raw)
	}
	if C.asz_client_connect(client.handle, raw) != C.ASZ_OK {
		C.asz_client_destroy(client.handle)
		return nil, failure(raw)
	}
	client.descriptor = C.asz_client_wake_fd(client.handle, raw)
	if client.descriptor < 0 {
		C.asz_client_destroy(client.handle)
		return nil, failure(raw)
	}
	go client.collect()
	return client, nil
}

// Close ends what is in flight with an error, closes the connections and frees the client, which
// is not to be used any more.
func (client *Client) Close() {
	client.lock.Lock()
	client.isClosing = true
	client.changed.Signal()
	client.lock.Unlock()
	C.asz_client_close(client.handle)
	<-client.collected // The descriptor and the completions are the library's.
	C.asz_client_destroy(client.handle)
}

// Put writes bins.
func (client *Client) Put(key Key, bins Map) error {
	_, err := client.execute(C.ASZ_PUT, []any{key.value(), bins})
	return err
}

// Get reads a record.
func (client *Client) Get(key Key) (Record, error) {
	value, err := client.execute(C.ASZ_GET, []any{key.value()})
	if err != nil {
		return Record{}, err
	}
	return record(value), nil
}

// BatchGet reads many records at once: one for each key, nil where there is none.
func (client *Client) BatchGet(keys []Key) ([]*Record, error) {
	listed := make([]any, len(keys))
	for index, key := range keys {
		listed[index] = key.value()
	}
	rows, err := client.execute(C.ASZ_BATCH, []any{listed, int64(C.ASZ_GET), nil})
	if err != nil {
		return nil, err
	}
	records := make([]*Record, len(keys))
	for index, each := range rows.([]any) {
		row := each.([]any) // [key, status, in doubt, record]
		switch status := row[1].(int64); status {
		case C.ASZ_OK:
			found := record(row[3])
			records[index] = &found
		case NotFound:
		default:
			return nil, &Error{Code: int32(status), Message: "a row of the batch failed"}
		}
	}
	return records, nil
}

// SubmitGet starts to read a record, and calls `done` with it later, on a goroutine of the client's:
// `done` may submit more, but is neither to take long nor to close the client. When an error is
// returned, `done` is not called.
func (client *Client) SubmitGet(key Key, done func(Record, error)) error {
	return client.submit(C.ASZ_GET, []any{key.value()}, func(value any, err error) {
		if err != nil {
			done(Record{}, err)
		} else {
			done(record(value), nil)
		}
	})
}

// SubmitPut starts to write bins; see SubmitGet.
func (client *Client) SubmitPut(key Key, bins Map, done func(error)) error {
	request := []any{key.value(), bins}
	return client.submit(C.ASZ_PUT, request, func(_ any, err error) { done(err) })
}

// SubmitRemove starts to remove a record; see SubmitGet.
func (client *Client) SubmitRemove(key Key, done func(error)) error {
	request := []any{key.value()}
	return client.submit(C.ASZ_REMOVE, request, func(_ any, err error) { done(err) })
}

// Runs a command and waits for its result, on the thread of this goroutine.
func (client *Client) execute(command C.int32_t, request any) (any, error) {
	bytes := encode(request)
	raw := newError()
	// Go lets no struct pass that points to other memory of Go's, so none is offered: the result is
	// the library's until it is released.
	result := C.asz_result{size: C.sizeof_asz_result}
	status := C.asz_client_execute(
		client.handle, command, bytesOf(bytes), C.uint64_t(len(bytes)), nil, &result, raw)
	if status != C.ASZ_OK {
		return nil, failure(raw)
	}
	defer C.asz_result_release(&result)
	if result.length == 0 {
		return nil, nil
	}
	return decode(unsafe.Slice((*byte)(result.data), int(result.length)))
}

type completed func(value any, err error)

// Starts a command; the collecting goroutine calls `done` when it has ended.
func (client *Client) submit(command C.int32_t, request any, done completed) error {
	bytes := encode(request)
	token := cgo.NewHandle(done)
	client.expect(1) // Before it can have ended.
	raw := newError()
	status := C.asz_client_submit(
		client.handle, C.uint64_t(token), command, bytesOf(bytes), C.uint64_t(len(bytes)), nil, raw)
	if status != C.ASZ_OK {
		client.expect(-1)
		token.Delete()
		return failure(raw)
	}
	return nil
}

func (client *Client) expect(more int) {
	client.lock.Lock()
	defer client.lock.Unlock()
	client.inFlight += more
	client.changed.Signal()
}

// Waits until something is in flight; false when nothing is and the client is closing.
func (client *Client) isExpecting() bool {
	client.lock.Lock()
	defer client.lock.Unlock()
	for client.inFlight == 0 && !client.isClosing {
		client.changed.Wait()
	}
	return client.inFlight > 0
}

// Calls back for what has ended, until the client is closed.
func (client *Client) collect() {
	defer close(client.collected)
	completions := make([]C.asz_completion, completionsMax)
	data := make([]byte, dataBytes)
	for client.isExpecting() {
		var needed C.uint64_t
		C.wait_readable(client.descriptor)
		count := C.asz_client_drain(client.handle, &completions[0], completionsMax,
			bytesOf(data), C.uint64_t(len(data)), &needed)
		for _, completion := range completions[:count] {
			token := cgo.Handle(completion.token)
			done := token.Value().(completed)
			token.Delete()
			end := completion.offset + completion.length
			done(outcome(int32(completion.status), data[completion.offset:end]))
		}
		client.expect(-int(count))
		if needed > 0 {
			data = make([]byte, needed)
		}
	}
}

// The result, or for a status that is not 0 the reason, which is MessagePack too.
func outcome(status int32, data []byte) (any, error) {
	if len(data) == 0 {
		return nil, nil
	}
	value, err := decode(data)
	if err != nil || status == C.ASZ_OK {
		return value, err
	}
	reason := value.([]any) // [in doubt, node, message]
	inDoubt, _ := reason[0].(bool)
	node, _ := reason[1].(string)
	message, _ := reason[2].(string)
	return nil, &Error{Code: status, InDoubt: inDoubt, Node: node, Message: message}
}

func record(value any) Record {
	members := value.([]any) // [key, [generation, ttl], bins]
	metadata := members[1].([]any)
	return Record{metadata[0].(int64), metadata[1].(int64), members[2].(Map)}
}

func newError() *C.asz_error {
	return &C.asz_error{size: C.sizeof_asz_error}
}

func failure(raw *C.asz_error) *Error {
	return &Error{
		Code:    int32(raw.code),
		InDoubt: raw.in_doubt != 0,
		Node:    C.GoStringN(&raw.node[0], C.int(raw.node_len)),
		Message: C.GoStringN(&raw.message[0], C.int(raw.message_len)),
	}
}

// For the time of a call: the library keeps no pointer after it.
func bytesOf(bytes []byte) *C.uint8_t {
	return (*C.uint8_t)(unsafe.Pointer(&bytes[0]))
}
