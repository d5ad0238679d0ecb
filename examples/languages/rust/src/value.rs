//! Values of bins, keys and requests: written and read by the functions of the library.

use crate::ffi;
use crate::Error;
use std::ffi::c_char;

const HYPER_LOG_LOG: i8 = 18;
const PAIRS: i8 = 19;
const ORDERED_BY_KEY: i8 = 21;
const ORDERED_BY_BOTH: i8 = 22;
const GEO_JSON: i8 = 23;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    /// In the order in which it is written, or was read.
    Map(Vec<(Value, Value)>),
    GeoJson(String),
    HyperLogLog(Vec<u8>),
}

macro_rules! from {
    ($($type:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value::$variant(value.into())
            }
        }
    )+};
}

from! {
    bool => Bool, i32 => Int, u32 => Int, i64 => Int, f32 => Float, f64 => Float,
    &str => Text, String => Text, &[u8] => Bytes, Vec<u8> => Bytes, Vec<Value> => List,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nil, Into::into)
    }
}

macro_rules! into {
    ($($variant:ident => $type:ty),+ $(,)?) => {$(
        impl TryFrom<Value> for $type {
            type Error = Error;

            fn try_from(value: Value) -> Result<$type, Error> {
                match value {
                    Value::$variant(inner) => Ok(inner),
                    other => Err(Error::mismatch(stringify!($type), &other)),
                }
            }
        }
    )+};
}

into! { Bool => bool, Int => i64, Float => f64, Text => String, Bytes => Vec<u8>, List => Vec<Value> }

/// The names of bins and their values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bins(Vec<(String, Value)>);

impl Bins {
    /// The value of a bin as what is asked for: an integer as `i64`, a text as `String`.
    pub fn get<T: TryFrom<Value, Error = Error>>(&self, name: &str) -> Result<T, Error> {
        self.value(name).cloned().unwrap_or(Value::Nil).try_into()
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value)
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for Bins {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(pairs: I) -> Bins {
        Bins(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }
}

/// `bins! { "name" => "Alice", "age" => 30 }`
#[macro_export]
macro_rules! bins {
    ($($name:expr => $value:expr),* $(,)?) => {
        [$(($name, $crate::Value::from($value))),*].into_iter().collect::<$crate::Bins>()
    };
}

/// A request that is being written, in memory of the library's.
pub(crate) struct Writer(ffi::Writer);

impl Writer {
    pub fn new() -> Writer {
        Writer(ffi::Writer::default())
    }

    /// What was written, unless something could not be.
    pub fn bytes(&self) -> Result<&[u8], Error> {
        let raw = &self.0;
        if raw.status != 0 {
            return Err(Error::new(raw.status, "the request could not be written"));
        }
        Ok(unsafe { std::slice::from_raw_parts(raw.data, raw.length as usize) })
    }

    pub fn array(&mut self, count: usize) -> &mut Writer {
        unsafe { ffi::asz_write_array(&mut self.0, count as u32) };
        self
    }

    pub fn map(&mut self, count: usize) -> &mut Writer {
        unsafe { ffi::asz_write_map(&mut self.0, count as u32) };
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Writer {
        let characters = text.as_ptr().cast::<c_char>();
        unsafe { ffi::asz_write_string(&mut self.0, characters, text.len() as u64) };
        self
    }

    pub fn bins(&mut self, bins: &Bins) -> &mut Writer {
        self.map(bins.0.len());
        for (name, value) in &bins.0 {
            self.text(name).value(value);
        }
        self
    }

    pub fn value(&mut self, value: &Value) -> &mut Writer {
        let raw = &mut self.0;
        match value {
            Value::Nil => unsafe { ffi::asz_write_nil(raw) },
            Value::Bool(flag) => unsafe { ffi::asz_write_boolean(raw, (*flag).into()) },
            Value::Int(number) => unsafe { ffi::asz_write_integer(raw, *number) },
            Value::Float(number) => unsafe { ffi::asz_write_float(raw, *number) },
            Value::Text(text) => return self.text(text),
            Value::Bytes(bytes) => unsafe {
                ffi::asz_write_bytes(raw, bytes.as_ptr(), bytes.len() as u64)
            },
            Value::GeoJson(text) => self.extension(GEO_JSON, text.as_bytes()),
            Value::HyperLogLog(bytes) => self.extension(HYPER_LOG_LOG, bytes),
            Value::List(members) => {
                self.array(members.len());
                members.iter().for_each(|member| {
                    self.value(member);
                });
            }
            Value::Map(pairs) => {
                self.map(pairs.len());
                for (key, member) in pairs {
                    self.value(key).value(member);
                }
            }
        }
        self
    }

    fn extension(&mut self, kind: i8, bytes: &[u8]) {
        let length = bytes.len() as u64;
        unsafe { ffi::asz_write_extension(&mut self.0, kind, bytes.as_ptr(), length) };
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        unsafe { ffi::asz_writer_release(&mut self.0) }
    }
}

/// Where values are read from.
pub(crate) struct Reader<'a> {
    raw: ffi::Reader,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        let (data, length) = (bytes.as_ptr(), bytes.len() as u64);
        let raw = ffi::Reader {
            data,
            length,
            position: 0,
        };
        Reader { raw, bytes }
    }

    pub fn value(&mut self) -> Result<Value, Error> {
        let raw = self.next()?;
        let length = raw.length as usize;
        Ok(match raw.kind {
            ffi::VALUE_NIL => Value::Nil,
            ffi::VALUE_BOOLEAN => Value::Bool(raw.integer != 0),
            ffi::VALUE_INTEGER => Value::Int(raw.integer),
            ffi::VALUE_FLOAT => Value::Float(raw.number),
            ffi::VALUE_STRING => Value::Text(text(self.slice(&raw))),
            ffi::VALUE_BYTES => Value::Bytes(self.slice(&raw).to_vec()),
            ffi::VALUE_ARRAY => Value::List(
                (0..length)
                    .map(|_| self.value())
                    .collect::<Result<_, _>>()?,
            ),
            ffi::VALUE_MAP => {
                Value::Map((0..length).map(|_| self.pair()).collect::<Result<_, _>>()?)
            }
            ffi::VALUE_EXTENSION => self.extension(&raw)?,
            kind => return Err(Error::new(-1, format!("a value of kind {kind}"))),
        })
    }

    /// How many members the array has that stands here; they are read next.
    pub fn array(&mut self) -> Result<usize, Error> {
        self.count(ffi::VALUE_ARRAY)
    }

    pub fn bins(&mut self) -> Result<Bins, Error> {
        let count = self.count(ffi::VALUE_MAP)?;
        let bins = (0..count).map(|_| Ok((self.get::<String>()?, self.value()?)));
        bins.collect()
    }

    pub fn get<T: TryFrom<Value, Error = Error>>(&mut self) -> Result<T, Error> {
        self.value()?.try_into()
    }

    /// Passes over so many values.
    pub fn pass(&mut self, count: u64) -> Result<(), Error> {
        Error::check(unsafe { ffi::asz_read_past(&mut self.raw, count) })
    }

    fn count(&mut self, kind: u8) -> Result<usize, Error> {
        let raw = self.next()?;
        if raw.kind != kind {
            return Err(Error::new(
                -1,
                format!("a value of kind {}, not {kind}", raw.kind),
            ));
        }
        Ok(raw.length as usize)
    }

    fn next(&mut self) -> Result<ffi::Value, Error> {
        let mut raw = ffi::Value::default();
        Error::check(unsafe { ffi::asz_read(&mut self.raw, &mut raw) })?;
        Ok(raw)
    }

    fn pair(&mut self) -> Result<(Value, Value), Error> {
        Ok((self.value()?, self.value()?))
    }

    /// A value's data lie where the reader's do.
    fn slice(&self, raw: &ffi::Value) -> &'a [u8] {
        let begin = raw.data as usize - self.bytes.as_ptr() as usize;
        &self.bytes[begin..begin + raw.length as usize]
    }

    fn extension(&self, raw: &ffi::Value) -> Result<Value, Error> {
        let payload = self.slice(raw);
        match raw.extension {
            GEO_JSON => Ok(Value::GeoJson(text(payload))),
            HYPER_LOG_LOG => Ok(Value::HyperLogLog(payload.to_vec())),
            PAIRS | ORDERED_BY_KEY | ORDERED_BY_BOTH => Reader::new(payload).value(),
            kind => Err(Error::new(-1, format!("an extension of type {kind}"))),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
