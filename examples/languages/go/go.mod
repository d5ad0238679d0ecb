module aerospike-zig-example

go 1.19
