//! A small Aerospike client on the C ABI of libaerospike_zig: typed values, errors, and many
//! operations in flight on one thread. No crate is needed.

mod ffi;
mod value;

use std::collections::HashMap;
use std::fmt;
use std::ptr;

pub use value::{Bins, Value};
use value::{Reader, Writer};

const COMPLETIONS_MAX: usize = 256;

/// Why something failed: a positive code is the server's, a negative one the library's.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    pub code: i32,
    /// A write that may have taken effect.
    pub in_doubt: bool,
    pub node: String,
    pub message: String,
}

impl Error {
    pub const NOT_FOUND: i32 = 2;

    fn new(code: i32, message: impl Into<String>) -> Error {
        let (in_doubt, node, message) = (false, String::new(), message.into());
        Error {
            code,
            in_doubt,
            node,
            message,
        }
    }

    fn mismatch(wanted: &str, value: &Value) -> Error {
        Error::new(-1, format!("{value:?} is no {wanted}"))
    }

    fn check(status: i32) -> Result<(), Error> {
        if status == 0 {
            return Ok(());
        }
        Err(Error::new(status, "what was read is no value"))
    }

    /// The reason of a completion, as it was written: [in doubt, node, message, ...].
    fn read(code: i32, bytes: &[u8]) -> Result<Error, Error> {
        let mut reader = Reader::new(bytes);
        reader.array()?;
        let (in_doubt, node, message) = (reader.get()?, reader.get()?, reader.get()?);
        Ok(Error {
            code,
            in_doubt,
            node,
            message,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let doubt = if self.in_doubt { ", in doubt" } else { "" };
        write!(formatter, "{}: {}{doubt}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

impl ffi::Failure {
    fn check(&self, status: i32) -> Result<(), Error> {
        if status == 0 {
            return Ok(());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Err(Error {
            code: self.code,
            in_doubt: self.in_doubt != 0,
            node: text(&self.node[..self.node_len.into()]),
            message: text(&self.message[..self.message_len.into()]),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Key<'a> {
    pub namespace: &'a str,
    pub set: &'a str,
    pub user: Value,
}

impl<'a> Key<'a> {
    pub fn new(namespace: &'a str, set: &'a str, user: impl Into<Value>) -> Key<'a> {
        let user = user.into();
        Key {
            namespace,
            set,
            user,
        }
    }

    fn write(&self, out: &mut Writer) {
        out.array(3)
            .text(self.namespace)
            .text(self.set)
            .value(&self.user);
    }
}

#[derive(Clone, Debug)]
pub struct Record {
    pub generation: i64,
    /// In seconds.
    pub ttl: i64,
    pub bins: Bins,
}

impl Record {
    /// [key, [generation, ttl], bins]
    fn read(reader: &mut Reader) -> Result<Record, Error> {
        reader.array()?;
        reader.pass(1)?;
        reader.array()?;
        let (generation, ttl) = (reader.get()?, reader.get()?);
        let bins = reader.bins()?;
        Ok(Record {
            generation,
            ttl,
            bins,
        })
    }
}

/// Whom to trust, and what nodes are called in their certificates; None: as the host.
pub struct Tls {
    pub cafile: String,
    pub name: Option<String>,
}

/// May be used from many threads, as the handle may; destroying it needs it alone, which `Drop` has.
pub struct Client(*mut ffi::Client);

unsafe impl Send for Client {}
unsafe impl Sync for Client {}

impl Client {
    /// Without TLS connections are plain.
    pub fn connect(host: &str, port: u16, tls: Option<Tls>) -> Result<Client, Error> {
        assert_eq!(unsafe { ffi::asz_abi_version() }, ffi::ABI_VERSION);
        let mut config = Writer::new();
        config.map(if tls.is_some() { 3 } else { 1 });
        let name = tls.as_ref().and_then(|tls| tls.name.clone());
        config.text("hosts").array(1).array(3);
        config
            .text(host)
            .value(&u32::from(port).into())
            .value(&name.into());
        if let Some(tls) = &tls {
            config.text("tls").map(1).text("cafile").text(&tls.cafile);
            // Each begins with a handshake.
            config.text("max_conns_per_node").value(&8.into());
        }
        let bytes = config.bytes()?;
        let mut error = ffi::Failure::default();
        let mut client = Client(ptr::null_mut());
        let length = bytes.len() as u64;
        let status =
            unsafe { ffi::asz_client_create(bytes.as_ptr(), length, &mut client.0, &mut error) };
        error.check(status)?;
        let status = unsafe { ffi::asz_client_connect(client.0, &mut error) };
        error.check(status)?;
        Ok(client)
    }

    pub fn put(&self, key: &Key, bins: &Bins) -> Result<(), Error> {
        self.execute(ffi::PUT, &put_request(key, bins), |_| Ok(()))
    }

    pub fn get(&self, key: &Key) -> Result<Record, Error> {
        self.execute(ffi::GET, &key_request(key), Record::read)
    }

    pub fn remove(&self, key: &Key) -> Result<(), Error> {
        self.execute(ffi::REMOVE, &key_request(key), |_| Ok(()))
    }

    /// The records, in the order of the keys; each has its own reason where there is none.
    pub fn batch_get(&self, keys: &[Key]) -> Result<Vec<Result<Record, Error>>, Error> {
        let mut request = Writer::new();
        request.array(3).array(keys.len());
        keys.iter().for_each(|key| key.write(&mut request));
        request.value(&ffi::GET.into()).value(&Value::Nil);
        self.execute(ffi::BATCH, &request, |reader| {
            let count = reader.array()?;
            (0..count).map(|_| read_row(reader)).collect()
        })
    }

    /// Many operations at once, on this thread. Nobody else may collect results meanwhile.
    pub fn in_flight(&mut self) -> Result<InFlight<'_>, Error> {
        let mut error = ffi::Failure::default();
        let descriptor = unsafe { ffi::asz_client_wake_fd(self.0, &mut error) };
        error.check(descriptor.min(0))?;
        Ok(InFlight {
            client: self,
            descriptor,
            count: 0,
            token: 0,
        })
    }

    /// Runs a command and waits for its result.
    fn execute<T>(
        &self,
        command: i32,
        request: &Writer,
        read: impl FnOnce(&mut Reader) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let bytes = request.bytes()?;
        let mut error = ffi::Failure::default();
        // No memory is offered: the result is the library's until it is released.
        let mut result = ffi::Outcome::default();
        let (data, length) = (bytes.as_ptr(), bytes.len() as u64);
        let status = unsafe {
            ffi::asz_client_execute(
                self.0,
                command,
                data,
                length,
                ptr::null(),
                &mut result,
                &mut error,
            )
        };
        error.check(status)?;
        if result.length == 0 {
            return read(&mut Reader::new(&[]));
        }
        let found = unsafe { std::slice::from_raw_parts(result.data, result.length as usize) };
        let value = read(&mut Reader::new(found));
        unsafe { ffi::asz_result_release(&mut result) };
        value
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        unsafe { ffi::asz_client_destroy(self.0) }
    }
}

fn key_request(key: &Key) -> Writer {
    let mut request = Writer::new();
    key.write(request.array(1));
    request
}

fn put_request(key: &Key, bins: &Bins) -> Writer {
    let mut request = Writer::new();
    key.write(request.array(2));
    request.bins(bins);
    request
}

/// [key, status, in doubt, record or nil], and perhaps what the server said of it.
fn read_row(reader: &mut Reader) -> Result<Result<Record, Error>, Error> {
    let members = reader.array()? as u64;
    reader.pass(1)?;
    let code = reader.get::<i64>()? as i32;
    let in_doubt = reader.get()?;
    if code == 0 {
        let record = Record::read(reader)?;
        reader.pass(members - 4)?;
        return Ok(Ok(record));
    }
    reader.pass(members - 3)?;
    let (node, message) = (String::new(), String::from("the record was not read"));
    Ok(Err(Error {
        code,
        in_doubt,
        node,
        message,
    }))
}

/// Operations that were submitted and whose results were not collected.
pub struct InFlight<'a> {
    client: &'a mut Client,
    descriptor: i32,
    count: u64,
    token: u64,
}

impl InFlight<'_> {
    pub fn put(&mut self, key: &Key, bins: &Bins) -> Result<u64, Error> {
        self.submit(ffi::PUT, &put_request(key, bins))
    }

    pub fn remove(&mut self, key: &Key) -> Result<u64, Error> {
        self.submit(ffi::REMOVE, &key_request(key))
    }

    fn submit(&mut self, command: i32, request: &Writer) -> Result<u64, Error> {
        let bytes = request.bytes()?;
        let mut error = ffi::Failure::default();
        self.token += 1;
        let (client, token) = (self.client.0, self.token);
        let (data, length) = (bytes.as_ptr(), bytes.len() as u64);
        let status = unsafe {
            ffi::asz_client_submit(
                client,
                token,
                command,
                data,
                length,
                ptr::null(),
                &mut error,
            )
        };
        error.check(status)?;
        self.count += 1;
        Ok(token)
    }

    /// Waits until all have ended; what became of each, by the token that it was given.
    pub fn wait(&mut self) -> Result<HashMap<u64, Result<(), Error>>, Error> {
        let mut results = HashMap::new();
        let mut completions = [ffi::Completion::default(); COMPLETIONS_MAX];
        let mut data = vec![0u8; 64 * 1024];
        while self.count > 0 {
            let (fd, events, revents) = (self.descriptor, ffi::POLLIN, 0);
            let mut descriptor = ffi::PollDescriptor {
                fd,
                events,
                revents,
            };
            let mut needed = 0;
            let count = unsafe {
                ffi::poll(&mut descriptor, 1, -1);
                ffi::asz_client_drain(
                    self.client.0,
                    completions.as_mut_ptr(),
                    COMPLETIONS_MAX as u32,
                    data.as_mut_ptr(),
                    data.len() as u64,
                    &mut needed,
                )
            };
            for ended in &completions[..count as usize] {
                let bytes = &data[ended.offset as usize..][..ended.length as usize];
                let result = match ended.status as i32 {
                    0 => Ok(()),
                    code => Err(Error::read(code, bytes)?),
                };
                results.insert(ended.token, result);
                self.count -= 1;
            }
            if needed > 0 {
                data.resize(needed as usize, 0);
            }
        }
        Ok(results)
    }
}
