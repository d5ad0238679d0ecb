//! The part of aerospike_zig.h that the crate uses.

use std::ffi::{c_char, c_int, c_short, c_ulong};

pub const ABI_VERSION: u32 = 3;

pub const PUT: i32 = 1;
pub const GET: i32 = 2;
pub const REMOVE: i32 = 5;
pub const BATCH: i32 = 20;

pub const VALUE_NIL: u8 = 1;
pub const VALUE_BOOLEAN: u8 = 2;
pub const VALUE_INTEGER: u8 = 3;
pub const VALUE_FLOAT: u8 = 4;
pub const VALUE_STRING: u8 = 5;
pub const VALUE_BYTES: u8 = 6;
pub const VALUE_ARRAY: u8 = 7;
pub const VALUE_MAP: u8 = 8;
pub const VALUE_EXTENSION: u8 = 9;

pub const POLLIN: c_short = 1;

/// Only ever behind a pointer.
#[repr(C)]
pub struct Client([u8; 0]);

/// Only ever a null pointer here: the defaults of each command.
#[repr(C)]
pub struct Policy([u8; 0]);

#[repr(C)]
pub struct Failure {
    pub size: u32,
    pub code: i32,
    pub in_doubt: u8,
    pub reserved: u8,
    pub node_len: u16,
    pub message_len: u16,
    pub node: [u8; 32],
    pub message: [u8; 480],
}

#[repr(C)]
pub struct Outcome {
    pub size: u32,
    pub owned: u32,
    pub data: *mut u8,
    pub capacity: u64,
    pub length: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Completion {
    pub token: u64,
    pub status: i64,
    pub offset: u64,
    pub length: u64,
}

#[repr(C)]
pub struct Writer {
    pub size: u32,
    pub status: i32,
    pub data: *mut u8,
    pub capacity: u64,
    pub length: u64,
    pub owned: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct Reader {
    pub data: *const u8,
    pub length: u64,
    pub position: u64,
}

#[repr(C)]
pub struct Value {
    pub kind: u8,
    pub extension: i8,
    pub reserved: [u8; 6],
    pub integer: i64,
    pub number: f64,
    pub data: *const u8,
    pub length: u64,
}

#[repr(C)]
pub struct PollDescriptor {
    pub fd: c_int,
    pub events: c_short,
    pub revents: c_short,
}

// Of structs that begin with their size, the rest is zeros.

impl Default for Failure {
    fn default() -> Failure {
        Failure {
            size: size_of::<Failure>() as u32,
            ..unsafe { std::mem::zeroed() }
        }
    }
}

impl Default for Outcome {
    fn default() -> Outcome {
        Outcome {
            size: size_of::<Outcome>() as u32,
            ..unsafe { std::mem::zeroed() }
        }
    }
}

impl Default for Writer {
    fn default() -> Writer {
        Writer {
            size: size_of::<Writer>() as u32,
            ..unsafe { std::mem::zeroed() }
        }
    }
}

impl Default for Value {
    fn default() -> Value {
        unsafe { std::mem::zeroed() }
    }
}

extern "C" {
    pub fn asz_abi_version() -> u32;
    pub fn asz_client_create(
        config: *const u8,
        length: u64,
        client: *mut *mut Client,
        error: *mut Failure,
    ) -> i32;
    pub fn asz_client_connect(client: *mut Client, error: *mut Failure) -> i32;
    pub fn asz_client_destroy(client: *mut Client);
    pub fn asz_client_execute(
        client: *mut Client,
        command: i32,
        request: *const u8,
        length: u64,
        policy: *const Policy,
        result: *mut Outcome,
        error: *mut Failure,
    ) -> i32;
    pub fn asz_result_release(result: *mut Outcome);
    pub fn asz_client_wake_fd(client: *mut Client, error: *mut Failure) -> i32;
    pub fn asz_client_submit(
        client: *mut Client,
        token: u64,
        command: i32,
        request: *const u8,
        length: u64,
        policy: *const Policy,
        error: *mut Failure,
    ) -> i32;
    pub fn asz_client_drain(
        client: *mut Client,
        completions: *mut Completion,
        max: u32,
        data: *mut u8,
        capacity: u64,
        needed: *mut u64,
    ) -> u32;
    pub fn asz_write_nil(writer: *mut Writer);
    pub fn asz_write_boolean(writer: *mut Writer, flag: i32);
    pub fn asz_write_integer(writer: *mut Writer, number: i64);
    pub fn asz_write_float(writer: *mut Writer, number: f64);
    pub fn asz_write_string(writer: *mut Writer, text: *const c_char, length: u64);
    pub fn asz_write_bytes(writer: *mut Writer, data: *const u8, length: u64);
    pub fn asz_write_array(writer: *mut Writer, count: u32);
    pub fn asz_write_map(writer: *mut Writer, count: u32);
    pub fn asz_write_extension(writer: *mut Writer, kind: i8, data: *const u8, length: u64);
    pub fn asz_writer_release(writer: *mut Writer);
    pub fn asz_read(reader: *mut Reader, value: *mut Value) -> i32;
    pub fn asz_read_past(reader: *mut Reader, count: u64) -> i32;
    pub fn poll(descriptors: *mut PollDescriptor, count: c_ulong, timeout_ms: c_int) -> c_int;
}
