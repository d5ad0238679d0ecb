// go run . HOST PORT [SET], with CGO_CFLAGS and CGO_LDFLAGS as docs/c-abi.md says.
//
// Connects, writes and reads a record, has a thousand operations in flight at once, reads all
// records with one batch, and one with a callback. Uses the C ABI through cgo and no modules.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: aerospike-zig-example HOST PORT [SET]")
	}
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	set := "from-go"
	if len(os.Args) > 3 {
		set = os.Args[3]
	}
	if err := run(os.Args[1], port, set); err != nil {
		log.Fatal(err)
	}
}

func run(host string, port int, set string) error {
	client, err := Connect(host, port)
	if err != nil {
		return err
	}
	defer client.Close()

	alice := Key{"test", set, "alice"}
	tags := []any{"a", Map{{"b", nil}}}
	if err := client.Put(alice, Map{{"name", "Alice"}, {"age", int64(30)}, {"tags", tags}}); err != nil {
		return err
	}
	found, err := client.Get(alice)
	if err != nil {
		return err
	}
	fmt.Println("get:", found.Bins.Get("name"), found.Bins.Get("age"), found.Bins.Get("tags"))

	keys := make([]Key, 1000)
	for number := range keys {
		keys[number] = Key{"test", set, int64(number)}
	}
	written, err := countSucceeded(keys, func(key Key, done func(error)) error {
		return client.SubmitPut(key, Map{{"number", key.User}}, done)
	})
	if err != nil {
		return err
	}
	fmt.Println("submitted:", written, "written")

	records, err := client.BatchGet(append(keys, Key{"test", set, "nobody"}))
	if err != nil {
		return err
	}
	var sum int64
	for _, record := range records[:len(keys)] {
		sum += record.Bins.Get("number").(int64)
	}
	fmt.Printf("batch: %d rows, sum %d, last %v\n", len(records), sum, records[len(keys)])

	// The callback is on another goroutine; a channel brings what it is told to this one.
	answer := make(chan string)
	err = client.SubmitGet(keys[42], func(record Record, err error) {
		answer <- fmt.Sprint(record.Bins.Get("number"), " ", err)
	})
	if err != nil {
		return err
	}
	fmt.Println("called back:", <-answer)

	removed, err := countSucceeded(append(keys, alice), client.SubmitRemove)
	if err != nil {
		return err
	}
	fmt.Println("submitted:", removed, "removed")
	_, err = client.Get(alice)
	fmt.Println("get again:", err)
	return nil
}

// Has an operation on every key in flight at once; how many of them succeeded.
func countSucceeded(keys []Key, submit func(Key, func(error)) error) (int64, error) {
	var ended sync.WaitGroup
	var succeeded atomic.Int64
	defer ended.Wait()
	for _, key := range keys {
		ended.Add(1)
		err := submit(key, func(err error) {
			if err == nil {
				succeeded.Add(1)
			}
			ended.Done()
		})
		if err != nil {
			ended.Done()
			return 0, err
		}
	}
	ended.Wait()
	return succeeded.Load(), nil
}
