//! cargo run -- HOST PORT [SET], with AEROSPIKE_ZIG_LIB set to the folder of the library.
//!
//! Connects, writes and reads a record, has a thousand operations in flight at once, and reads all
//! records with one batch. Uses the C ABI and no crate.

mod aerospike;
mod msgpack;

use aerospike::{batch_bins, Client, Error, Key, Tls};
use msgpack::Value;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let (host, port) = match arguments.as_slice() {
        [_, host, port, ..] => (host, port.parse().expect("a port number")),
        _ => panic!("usage: aerospike-zig-example HOST PORT [SET]"),
    };
    let set = arguments.get(3).map_or("from-rust", String::as_str);
    let tls = std::env::var("AEROSPIKE_CAFILE").ok().map(|cafile| Tls {
        cafile,
        name: std::env::var("AEROSPIKE_TLS_NAME").ok(),
    });
    let mut client = Client::connect(host, port, tls)?;

    let alice: Key = ("test", set, Value::text("alice"));
    client.put(
        &alice,
        &[("name", Value::text("Alice")), ("age", Value::Int(30))],
    )?;
    let bins = client.get(&alice)?;
    println!("get: {:?} {:?}", bins.get("name"), bins.get("age"));

    let mut keys: Vec<Key> = (0..1000)
        .map(|number| ("test", set, Value::Int(number)))
        .collect();
    for key in &keys {
        client.submit_put(key, &[("number", key.2.clone())])?;
    }
    let written = client
        .wait_all()
        .values()
        .filter(|each| each.is_ok())
        .count();
    println!("submitted: {written} written");

    keys.push(("test", set, Value::text("nobody")));
    let token = client.submit_batch_get(&keys)?;
    let rows = client
        .wait_all()
        .remove(&token)
        .expect("a result for the token")?;
    let records = batch_bins(&rows);
    let numbers = records
        .iter()
        .flatten()
        .filter_map(|bins| bins.get("number"));
    let sum: i64 = numbers.map(Value::int).sum();
    println!(
        "batch: {} rows, sum {sum}, last {:?}",
        records.len(),
        records[1000]
    );

    client.submit_remove(&alice)?;
    for key in &keys[..1000] {
        client.submit_remove(key)?;
    }
    let removed = client
        .wait_all()
        .values()
        .filter(|each| each.is_ok())
        .count();
    println!("submitted: {removed} removed");
    client.submit_remove(&alice)?;
    for failed in client
        .wait_all()
        .values()
        .filter_map(|each| each.as_ref().err())
    {
        println!("remove again: {failed}");
    }
    Ok(())
}
