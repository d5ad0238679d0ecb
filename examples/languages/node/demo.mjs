// node demo.mjs LIBRARY HEADER HOST PORT [SET]
//
// LIBRARY and HEADER are in the Python package: libaerospike_zig.so and include/aerospike_zig.h.

import { Client, load } from "./aerospike.mjs";

const [library, header, host, port, set = "from-node"] = process.argv.slice(2);
const { AEROSPIKE_CAFILE: cafile, AEROSPIKE_TLS_NAME: name = null } = process.env;
// With TLS each connection begins with a handshake: few of them will do.
const tls = cafile ? { tls: { cafile }, max_conns_per_node: 8 } : {};
const hosts = [[host, Number(port), name]];
const client = new Client(load(library, header), { hosts, ...tls });
await client.connect();

const key = ["test", set, "alice"];
await client.put(key, { name: "Alice", age: 30, tags: ["a", { b: null }] });
console.log("get:", JSON.stringify((await client.get(key)).bins));

// Beyond 2^53 an integer is a bigint, both ways.
const large = ["test", set, "large"];
await client.put(large, { above: 2n ** 53n + 1n, least: -(2n ** 63n), exact: 2 ** 40 });
console.log("large:", (await client.get(large)).bins);
await client.remove(large);

// A thousand operations in flight at once, then all of them as one batch.
const keys = Array.from({ length: 1000 }, (_, number) => ["test", set, number]);
await Promise.all(keys.map((each) => client.put(each, { number: each[2] })));
const records = await client.batchGet([...keys, ["test", set, "nobody"]]);
const sum = records.reduce((total, each) => total + (each?.bins.number ?? 0), 0);
console.log("batch:", records.length, "rows, sum", sum, "last", records.at(-1));

await Promise.all([key, ...keys].map((each) => client.remove(each)));
try {
  await client.get(key);
} catch (error) {
  console.log("get again:", error.code, error.message);
}
client.close();
