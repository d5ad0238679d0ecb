//! The part of aerospike_zig.h that the example uses, and a safe client over it.

use crate::msgpack::{Reader, Value};
use std::collections::HashMap;
use std::ffi::{c_int, c_short, c_ulong, c_void};
use std::fmt;
use std::ptr;

const ABI_VERSION: u32 = 2;
const PUT: i32 = 1;
const GET: i32 = 2;
const REMOVE: i32 = 5;
const BATCH: i32 = 20;
const COMPLETIONS_MAX: usize = 256;

#[repr(C)]
struct RawError {
    size: u32,
    code: i32,
    in_doubt: u8,
    reserved: u8,
    node_len: u16,
    message_len: u16,
    node: [u8; 32],
    message: [u8; 480],
}

#[repr(C)]
struct RawResult {
    size: u32,
    owned: u32,
    data: *mut u8,
    capacity: u64,
    length: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Completion {
    token: u64,
    status: i64,
    offset: u64,
    length: u64,
}

#[repr(C)]
struct PollDescriptor {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

extern "C" {
    fn asz_abi_version() -> u32;
    fn asz_client_create(
        config: *const u8,
        length: u64,
        client: *mut *mut c_void,
        error: *mut RawError,
    ) -> i32;
    fn asz_client_connect(client: *mut c_void, error: *mut RawError) -> i32;
    fn asz_client_destroy(client: *mut c_void);
    fn asz_client_execute(
        client: *mut c_void,
        command: i32,
        request: *const u8,
        length: u64,
        policy: *const c_void,
        result: *mut RawResult,
        error: *mut RawError,
    ) -> i32;
    fn asz_client_wake_fd(client: *mut c_void, error: *mut RawError) -> i32;
    fn asz_client_submit(
        client: *mut c_void,
        token: u64,
        command: i32,
        request: *const u8,
        length: u64,
        policy: *const c_void,
        error: *mut RawError,
    ) -> i32;
    fn asz_client_drain(
        client: *mut c_void,
        completions: *mut Completion,
        max: u32,
        data: *mut u8,
        capacity: u64,
        needed: *mut u64,
    ) -> u32;
    fn asz_result_release(result: *mut RawResult);
    fn poll(descriptors: *mut PollDescriptor, count: c_ulong, timeout_ms: c_int) -> c_int;
}

/// Why an operation failed: a positive code is the server's, a negative one the library's.
#[derive(Debug)]
pub struct Error {
    pub code: i32,
    pub in_doubt: bool,
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let doubt = if self.in_doubt { ", in doubt" } else { "" };
        write!(formatter, "{}: {}{doubt}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl RawError {
    fn new() -> Self {
        RawError {
            size: size_of::<RawError>() as u32,
            code: 0,
            in_doubt: 0,
            reserved: 0,
            node_len: 0,
            message_len: 0,
            node: [0; 32],
            message: [0; 480],
        }
    }

    fn check(&self, status: i32) -> Result<(), Error> {
        if status == 0 {
            return Ok(());
        }
        let message = &self.message[..self.message_len.into()];
        Err(Error {
            code: self.code,
            in_doubt: self.in_doubt != 0,
            message: String::from_utf8_lossy(message).into_owned(),
        })
    }
}

pub type Key<'a> = (&'a str, &'a str, Value);

fn key_value(key: &Key) -> Value {
    Value::Array(vec![Value::text(key.0), Value::text(key.1), key.2.clone()])
}

fn bins_value(bins: &[(&str, Value)]) -> Value {
    let pair = |(name, value): &(&str, Value)| (Value::text(name), value.clone());
    Value::Map(bins.iter().map(pair).collect())
}

/// The handle may be used from many threads; destroying it needs it alone, which `Drop` has.
pub struct Client {
    handle: *mut c_void,
    descriptor: c_int,
    in_flight: u64,
    token: u64,
}

/// Whom to trust, and what nodes are called in their certificates; None: as the host.
pub struct Tls {
    pub cafile: String,
    pub name: Option<String>,
}

impl Client {
    /// Without TLS connections are plain.
    pub fn connect(host: &str, port: i64, tls: Option<Tls>) -> Result<Client, Error> {
        assert_eq!(unsafe { asz_abi_version() }, ABI_VERSION);
        let mut address = vec![Value::text(host), Value::Int(port)];
        let mut members = vec![];
        if let Some(Tls { cafile, name }) = tls {
            address.push(name.map_or(Value::Nil, Value::Text));
            let trusted = vec![(Value::text("cafile"), Value::Text(cafile))];
            members.push((Value::text("tls"), Value::Map(trusted)));
            // Each begins with a handshake.
            members.push((Value::text("max_conns_per_node"), Value::Int(8)));
        }
        let hosts = Value::Array(vec![Value::Array(address)]);
        members.push((Value::text("hosts"), hosts));
        let config = Value::Map(members).encode();
        let mut error = RawError::new();
        let mut client = Client {
            handle: ptr::null_mut(),
            descriptor: -1,
            in_flight: 0,
            token: 0,
        };
        let length = config.len() as u64;
        let status =
            unsafe { asz_client_create(config.as_ptr(), length, &mut client.handle, &mut error) };
        error.check(status)?;
        let status = unsafe { asz_client_connect(client.handle, &mut error) };
        error.check(status)?;
        client.descriptor = unsafe { asz_client_wake_fd(client.handle, &mut error) };
        error.check(if client.descriptor < 0 { -1 } else { 0 })?;
        Ok(client)
    }

    pub fn put(&self, key: &Key, bins: &[(&str, Value)]) -> Result<(), Error> {
        let request = Value::Array(vec![key_value(key), bins_value(bins)]);
        self.execute(PUT, &request).map(|_| ())
    }

    /// The record's bins.
    pub fn get(&self, key: &Key) -> Result<Value, Error> {
        let record = self.execute(GET, &Value::Array(vec![key_value(key)]))?;
        Ok(record.array()[2].clone())
    }

    /// Starts to read many records at once; `batch_bins` reads the result.
    pub fn submit_batch_get(&mut self, keys: &[Key]) -> Result<u64, Error> {
        let keys = Value::Array(keys.iter().map(key_value).collect());
        let request = Value::Array(vec![keys, Value::Int(GET.into()), Value::Nil]);
        self.submit(BATCH, &request)
    }

    pub fn submit_put(&mut self, key: &Key, bins: &[(&str, Value)]) -> Result<u64, Error> {
        self.submit(PUT, &Value::Array(vec![key_value(key), bins_value(bins)]))
    }

    pub fn submit_remove(&mut self, key: &Key) -> Result<u64, Error> {
        self.submit(REMOVE, &Value::Array(vec![key_value(key)]))
    }

    /// Runs a command and waits for its result.
    fn execute(&self, command: i32, request: &Value) -> Result<Value, Error> {
        let request = request.encode();
        let mut error = RawError::new();
        let mut result = RawResult {
            size: size_of::<RawResult>() as u32,
            owned: 0,
            data: ptr::null_mut(),
            capacity: 0,
            length: 0,
        };
        let status = unsafe {
            asz_client_execute(
                self.handle,
                command,
                request.as_ptr(),
                request.len() as u64,
                ptr::null(),
                &mut result,
                &mut error,
            )
        };
        error.check(status)?;
        if result.length == 0 {
            return Ok(Value::Nil);
        }
        // No memory was offered, so the result is the library's until it is released.
        let value = unsafe {
            let bytes = std::slice::from_raw_parts(result.data, result.length as usize);
            let value = Reader::new(bytes).value();
            asz_result_release(&mut result);
            value
        };
        Ok(value)
    }

    /// Starts a command; `wait_all` tells what became of it, by the token.
    fn submit(&mut self, command: i32, request: &Value) -> Result<u64, Error> {
        let request = request.encode();
        let mut error = RawError::new();
        self.token += 1;
        let status = unsafe {
            asz_client_submit(
                self.handle,
                self.token,
                command,
                request.as_ptr(),
                request.len() as u64,
                ptr::null(),
                &mut error,
            )
        };
        error.check(status)?;
        self.in_flight += 1;
        Ok(self.token)
    }

    /// Waits until all submitted commands have ended; what came of each, by its token.
    pub fn wait_all(&mut self) -> HashMap<u64, Result<Value, Error>> {
        let mut results = HashMap::new();
        let mut completions = [Completion::default(); COMPLETIONS_MAX];
        let mut data = vec![0u8; 64 * 1024];
        while self.in_flight > 0 {
            let mut descriptor = PollDescriptor {
                fd: self.descriptor,
                events: 1, // POLLIN
                revents: 0,
            };
            let mut needed = 0;
            let count = unsafe {
                poll(&mut descriptor, 1, -1);
                asz_client_drain(
                    self.handle,
                    completions.as_mut_ptr(),
                    COMPLETIONS_MAX as u32,
                    data.as_mut_ptr(),
                    data.len() as u64,
                    &mut needed,
                )
            };
            for completion in &completions[..count as usize] {
                results.insert(completion.token, completion.read(&data));
                self.in_flight -= 1;
            }
            if needed > 0 {
                data.resize(needed as usize, 0);
            }
        }
        results
    }
}

/// The bins of each record of a batch; None where there is no such record.
pub fn batch_bins(rows: &Value) -> Vec<Option<Value>> {
    let bins = |row: &Value| match row.array() {
        [_, Value::Int(0), _, record] => Some(record.array()[2].clone()),
        _ => None,
    };
    rows.array().iter().map(bins).collect()
}

impl Completion {
    /// The result, or for a status that is not 0 the reason, which is MessagePack too.
    fn read(&self, data: &[u8]) -> Result<Value, Error> {
        let bytes = &data[self.offset as usize..][..self.length as usize];
        if self.length == 0 {
            return Ok(Value::Nil);
        }
        let value = Reader::new(bytes).value();
        match (self.status, &value) {
            (0, _) => Ok(value),
            (status, Value::Array(members)) => Err(Error {
                code: status as i32,
                in_doubt: members[0] == Value::Bool(true),
                message: format!("{:?}", members[2]),
            }),
            _ => unreachable!("the library describes every failure"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        unsafe { asz_client_destroy(self.handle) }
    }
}
