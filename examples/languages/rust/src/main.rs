//! cargo run -- HOST PORT [SET], with AEROSPIKE_ZIG_LIB set to the folder of the library.
//!
//! Connects, over TLS where AEROSPIKE_CAFILE names an authority; writes and reads a record, has a
//! thousand operations in flight at once, and reads all records with one batch.

use aerospike_zig_example::{bins, Client, Error, Key, Tls, Value};

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

    let alice = Key::new("test", set, "alice");
    let tags = vec![
        Value::from("a"),
        Value::Map(vec![(1.into(), vec![0u8, 255].into())]),
    ];
    let place = Value::GeoJson(r#"{"type": "Point", "coordinates": [1.0, 2.0]}"#.into());
    let bins =
        bins! { "name" => "Alice", "age" => 30, "score" => 1.5, "tags" => tags, "place" => place };
    client.put(&alice, &bins)?;
    let record = client.get(&alice)?;
    let (name, age): (String, i64) = (record.bins.get("name")?, record.bins.get("age")?);
    println!("get: {name} {age}, generation {}", record.generation);
    let is_whole = ["score", "tags", "place"]
        .iter()
        .all(|bin| record.bins.value(bin) == bins.value(bin));
    println!("all as it was written: {is_whole}");
    println!(
        "a wrong type: {}",
        record.bins.get::<i64>("name").unwrap_err()
    );

    let mut keys: Vec<Key> = (0..1000)
        .map(|number| Key::new("test", set, number))
        .collect();
    let mut writes = client.in_flight()?;
    for (number, key) in (0..).zip(&keys) {
        writes.put(key, &bins! { "number" => number })?;
    }
    let written = writes.wait()?.values().filter(|each| each.is_ok()).count();
    println!("at once: {written} written");

    keys.push(Key::new("test", set, "nobody"));
    let rows = client.batch_get(&keys)?;
    let mut sum = 0;
    for record in rows.iter().flatten() {
        sum += record.bins.get::<i64>("number")?;
    }
    let last = rows[1000].as_ref().unwrap_err();
    println!(
        "batch: {} rows, sum {sum}, last not found: {}",
        rows.len(),
        last.code == Error::NOT_FOUND
    );

    let mut removals = client.in_flight()?;
    for key in keys[..1000].iter().chain([&alice, &alice]) {
        removals.remove(key)?;
    }
    let ended = removals.wait()?;
    let removed = ended.values().filter(|each| each.is_ok()).count();
    println!("at once: {removed} removed");
    for failed in ended.values().filter_map(|each| each.as_ref().err()) {
        println!("remove again: {failed}");
    }
    Ok(())
}
