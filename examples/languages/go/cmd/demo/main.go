// go run ./cmd/demo HOST PORT [SET], with CGO_CFLAGS and CGO_LDFLAGS as docs/c-abi.md says.
//
// Writes and reads a record, has a thousand operations in flight at once, reads all records with one
// batch, and ends one by its context.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"aerospike.example/zig"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: demo HOST PORT [SET]")
	}
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	set := "from-go"
	if len(os.Args) > 3 {
		set = os.Args[3]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1], port, set); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, host string, port int, set string) error {
	var tls *aerospike.TLS
	if authority := os.Getenv("AEROSPIKE_CAFILE"); authority != "" {
		tls = &aerospike.TLS{CAFile: authority, Name: os.Getenv("AEROSPIKE_TLS_NAME")}
	}
	client, err := aerospike.Connect(ctx, host, port, tls)
	if err != nil {
		return err
	}
	defer client.Close()

	alice := aerospike.Key{Namespace: "test", Set: set, User: "alice"}
	tags := []any{"a", aerospike.Map{"b": nil, int64(1): []byte{0, 255}}}
	place := aerospike.GeoJSON(`{"type": "Point", "coordinates": [1.0, 2.0]}`)
	bins := aerospike.Bins{"name": "Alice", "age": 30, "score": 1.5, "tags": tags, "place": place}
	if err := client.Put(ctx, alice, bins); err != nil {
		return err
	}
	found, err := client.Get(ctx, alice)
	if err != nil {
		return err
	}
	fmt.Println("get:", found.Bins["name"], found.Bins["age"], found.Bins["tags"], found.Bins["place"])

	keys := make([]aerospike.Key, 1000)
	for number := range keys {
		keys[number] = aerospike.Key{Namespace: "test", Set: set, User: number}
	}
	written := each(keys, func(key aerospike.Key) error {
		return client.Put(ctx, key, aerospike.Bins{"number": key.User})
	})
	fmt.Println("at once:", written, "written")

	nobody := aerospike.Key{Namespace: "test", Set: set, User: "nobody"}
	rows, err := client.BatchGet(ctx, append(keys, nobody))
	if err != nil {
		return err
	}
	var sum int64
	for _, row := range rows[:len(keys)] {
		if row.Err != nil {
			return row.Err
		}
		sum += row.Record.Bins["number"].(int64)
	}
	fmt.Printf("batch: %d rows, sum %d, last %v\n", len(rows), sum, rows[len(keys)].Err)

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = client.Get(cancelled, alice)
	fmt.Println("cancelled:", err)

	removed := each(append(keys, alice), func(key aerospike.Key) error {
		return client.Remove(ctx, key)
	})
	fmt.Println("at once:", removed, "removed")
	_, err = client.Get(ctx, alice)
	fmt.Println("get again:", err, errors.Is(err, aerospike.ErrNotFound))
	return nil
}

// Does something with every key, all at once; how many times it succeeded.
func each(keys []aerospike.Key, do func(aerospike.Key) error) int64 {
	var ended sync.WaitGroup
	var succeeded atomic.Int64
	for _, key := range keys {
		ended.Add(1)
		go func(key aerospike.Key) {
			defer ended.Done()
			if do(key) == nil {
				succeeded.Add(1)
			}
		}(key)
	}
	ended.Wait()
	return succeeded.Load()
}
