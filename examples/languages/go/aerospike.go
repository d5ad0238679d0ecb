// Package aerospike is a small client on the C library of aerospike_py, through cgo.
//
// Operations are submitted to the library and take no thread while they wait; any number of goroutines
// may have one in flight. A context ends an operation when it is cancelled, and its deadline is the
// operation's.
package aerospike

/*
#cgo LDFLAGS: -laerospike_zig
#include <poll.h>
#include <stdlib.h>
#include "aerospike_zig.h"

// Returns early when a signal interrupts it.
static void wait_readable(int descriptor) {
  struct pollfd readable = {.fd = descriptor, .events = POLLIN};
  poll(&readable, 1, -1);
}
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/cgo"
	"sync"
	"time"
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

// Is makes errors.Is compare codes: errors.Is(err, aerospike.ErrNotFound).
func (e *Error) Is(other error) bool {
	var their *Error
	return errors.As(other, &their) && their.Code == e.Code
}

// ErrNotFound is what there is no record for.
var ErrNotFound = &Error{Code: 2, Message: "record not found"}

// ErrClosed is what a client gives that was closed.
var ErrClosed = errors.New("the client is closed")

// Key is a namespace, a set and what the record is called there: an integer, a string or bytes.
type Key struct {
	Namespace, Set string
	User           any
}

// Record is what the server keeps under a key.
type Record struct {
	Generation, TTL int64
	Bins            Bins
}

// Row is what became of one key of a batch: a record, or why there is none.
type Row struct {
	Record *Record
	Err    error
}

// Client is a connection to a cluster, for any number of goroutines.
//
// What is submitted has the number of a cgo.Handle for its token, so the library holds no pointer
// of Go's. One goroutine collects what has ended, and sends it to whoever waits.
type Client struct {
	handle     *C.asz_client
	descriptor C.int

	lock      sync.Mutex
	changed   *sync.Cond
	inFlight  int
	isClosing bool
	collected chan struct{} // Closed by the collecting goroutine when it ends.
}

// TLS says whom to trust, and what nodes are called in their certificates.
type TLS struct {
	CAFile string // In PEM format.
	Name   string // Empty: as the host.
}

// Connect connects to the cluster that the host belongs to. A nil TLS makes plain connections.
func Connect(ctx context.Context, host string, port int, tls *TLS) (*Client, error) {
	if version := C.asz_abi_version(); version != C.ASZ_ABI_VERSION {
		return nil, fmt.Errorf("the library has ABI version %d, not %d", version, C.ASZ_ABI_VERSION)
	}
	config := newWriter()
	defer config.release()
	settings := map[string]any{"hosts": []any{[]any{host, port}}}
	if tls != nil {
		settings["tls"] = map[string]any{"cafile": tls.CAFile}
		settings["max_conns_per_node"] = 8 // Each begins with a handshake.
		if tls.Name != "" {
			settings["hosts"] = []any{[]any{host, port, tls.Name}}
		}
	}
	config.value(settings)
	client := &Client{collected: make(chan struct{})}
	client.changed = sync.NewCond(&client.lock)
	raw := newError()
	status := C.asz_client_create(config.raw.data, config.raw.length, &client.handle, raw)
	if status != C.ASZ_OK {
		return nil, failure(raw)
	}
	if err := client.connect(ctx, raw); err != nil {
		C.asz_client_destroy(client.handle)
		return nil, err
	}
	go client.collect()
	return client, nil
}

func (client *Client) connect(ctx context.Context, raw *C.asz_error) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if C.asz_client_connect(client.handle, raw) == C.ASZ_OK {
			client.descriptor = C.asz_client_wake_fd(client.handle, raw)
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		C.asz_client_close(client.handle) // Cuts the wait short.
		<-ended
		return ctx.Err()
	}
	if raw.code != C.ASZ_OK {
		return failure(raw)
	}
	return nil
}

// Close ends what is in flight with an error, closes the connections and frees the client.
func (client *Client) Close() {
	client.lock.Lock()
	wasClosing := client.isClosing
	client.isClosing = true
	client.changed.Signal()
	client.lock.Unlock()
	if wasClosing {
		return
	}
	C.asz_client_close(client.handle)
	<-client.collected // The descriptor and the completions are the library's.
	C.asz_client_destroy(client.handle)
}

// Put writes bins.
func (client *Client) Put(ctx context.Context, key Key, bins Bins) error {
	_, err := client.execute(ctx, C.ASZ_PUT, key, bins)
	return err
}

// Get reads a record.
func (client *Client) Get(ctx context.Context, key Key) (*Record, error) {
	value, err := client.execute(ctx, C.ASZ_GET, key)
	if err != nil {
		return nil, err
	}
	return record(value)
}

// Remove removes a record.
func (client *Client) Remove(ctx context.Context, key Key) error {
	_, err := client.execute(ctx, C.ASZ_REMOVE, key)
	return err
}

// BatchGet reads many records at once: a row for each key, in their order.
func (client *Client) BatchGet(ctx context.Context, keys []Key) ([]Row, error) {
	listed := make([]any, len(keys))
	for index, key := range keys {
		listed[index] = key
	}
	value, err := client.execute(ctx, C.ASZ_BATCH, listed, int64(C.ASZ_GET), nil)
	if err != nil {
		return nil, err
	}
	found, isArray := value.([]any)
	if !isArray || len(found) != len(keys) {
		return nil, fmt.Errorf("%d keys have the result %v", len(keys), value)
	}
	rows := make([]Row, len(keys))
	for index, each := range found {
		members := each.([]any) // [key, status, in doubt, record]
		if status := members[1].(int64); status != C.ASZ_OK {
			rows[index].Err = &Error{Code: int32(status), Message: "a row of the batch failed"}
			if status == int64(ErrNotFound.Code) {
				rows[index].Err = ErrNotFound
			}
			continue
		}
		if rows[index].Record, err = record(members[3]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

type outcome struct {
	value any
	err   error
}

// Submits a command, whose request is an array, and waits for its result, or for the context.
func (client *Client) execute(
	ctx context.Context, command C.int32_t, members ...any,
) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request := newWriter()
	defer request.release()
	request.array(members...)
	if err := request.failure(); err != nil {
		return nil, err
	}
	policy := C.asz_policy{size: C.sizeof_asz_policy}
	C.asz_policy_init(&policy, command)
	if deadline, has := ctx.Deadline(); has {
		left := time.Until(deadline).Milliseconds() + 1
		if policy.total_timeout == 0 || left < int64(policy.total_timeout) {
			policy.total_timeout = C.uint32_t(left)
		}
	}
	done := make(chan outcome, 1)
	token := cgo.NewHandle(done)
	if !client.expect() { // Before it can have ended.
		token.Delete()
		return nil, ErrClosed
	}
	raw := newError()
	status := C.asz_client_submit(client.handle, C.uint64_t(token), command,
		request.raw.data, request.raw.length, &policy, raw)
	if status != C.ASZ_OK {
		client.ended(1)
		token.Delete()
		return nil, failure(raw)
	}
	select {
	case result := <-done:
		return result.value, result.err
	case <-ctx.Done():
		// Its completion comes none the less; a client that closes meanwhile waits for that.
		client.cancel(token)
		return nil, ctx.Err()
	}
}

func (client *Client) cancel(token cgo.Handle) {
	client.lock.Lock()
	defer client.lock.Unlock()
	if !client.isClosing {
		C.asz_client_cancel(client.handle, C.uint64_t(token))
	}
}

// Counts an operation; false when the client is closing.
func (client *Client) expect() bool {
	client.lock.Lock()
	defer client.lock.Unlock()
	if client.isClosing {
		return false
	}
	client.inFlight++
	client.changed.Signal()
	return true
}

func (client *Client) ended(count int) {
	client.lock.Lock()
	defer client.lock.Unlock()
	client.inFlight -= count
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

// Hands over what has ended, until the client is closed.
func (client *Client) collect() {
	defer close(client.collected)
	completions := make([]C.asz_completion, completionsMax)
	// What the library reads from, too, must not be memory of Go's with pointers to more of it.
	capacity := C.uint64_t(dataBytes)
	data := C.malloc(C.size_t(capacity))
	defer func() { C.free(data) }()
	for client.isExpecting() {
		var needed C.uint64_t
		C.wait_readable(client.descriptor)
		count := C.asz_client_drain(client.handle, &completions[0], completionsMax,
			(*C.uint8_t)(data), capacity, &needed)
		for _, completion := range completions[:count] {
			token := cgo.Handle(completion.token)
			done := token.Value().(chan outcome)
			token.Delete()
			done <- result(completion, data)
		}
		client.ended(int(count))
		if needed > capacity {
			capacity = needed
			data = C.realloc(data, C.size_t(capacity))
		}
	}
}

// The result, or for a status that is not 0 the reason, which is MessagePack too.
func result(completion C.asz_completion, data unsafe.Pointer) outcome {
	if completion.length == 0 {
		return outcome{}
	}
	value, err := decode(unsafe.Add(data, completion.offset), completion.length)
	if err != nil || completion.status == C.ASZ_OK {
		return outcome{value, err}
	}
	reason := value.([]any) // [in doubt, node, message, ...]
	inDoubt, _ := reason[0].(bool)
	node, _ := reason[1].(string)
	message, _ := reason[2].(string)
	return outcome{nil, &Error{int32(completion.status), inDoubt, node, message}}
}

func record(value any) (*Record, error) {
	members, _ := value.([]any) // [key, [generation, ttl], bins]
	if len(members) != 3 {
		return nil, fmt.Errorf("no record: %v", value)
	}
	metadata := members[1].([]any)
	bins := make(Bins)
	for name, bin := range members[2].(Map) {
		bins[name.(string)] = bin
	}
	return &Record{metadata[0].(int64), metadata[1].(int64), bins}, nil
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
