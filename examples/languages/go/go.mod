module aerospike.example/zig

go 1.19
