//! As much of MessagePack as the example needs. A program of yours would take a crate.

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(text.to_string())
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Nil => out.push(0xc0),
            Value::Bool(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
            Value::Int(value) => {
                out.push(0xd3);
                out.extend(value.to_be_bytes());
            }
            Value::Float(value) => {
                out.push(0xcb);
                out.extend(value.to_be_bytes());
            }
            Value::Text(text) => write_sized(out, 0xdb, text.len(), text.as_bytes()),
            Value::Bytes(bytes) => write_sized(out, 0xc6, bytes.len(), bytes),
            Value::Array(members) => {
                write_sized(out, 0xdd, members.len(), &[]);
                members.iter().for_each(|member| member.write(out));
            }
            Value::Map(members) => {
                write_sized(out, 0xdf, members.len(), &[]);
                for (key, value) in members {
                    key.write(out);
                    value.write(out);
                }
            }
        }
    }

    pub fn array(&self) -> &[Value] {
        match self {
            Value::Array(members) => members,
            other => panic!("no array: {other:?}"),
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Map(members) => members
                .iter()
                .find(|(key, _)| *key == Value::text(name))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn int(&self) -> i64 {
        match self {
            Value::Int(value) => *value,
            other => panic!("no integer: {other:?}"),
        }
    }
}

fn write_sized(out: &mut Vec<u8>, kind: u8, length: usize, bytes: &[u8]) {
    out.push(kind);
    out.extend((length as u32).to_be_bytes());
    out.extend(bytes);
}

pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        taken
    }

    fn number(&mut self, width: usize) -> u64 {
        self.take(width)
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn text(&mut self, length: usize) -> Value {
        Value::Text(String::from_utf8_lossy(self.take(length)).into_owned())
    }

    fn members(&mut self, count: usize) -> Value {
        Value::Array((0..count).map(|_| self.value()).collect())
    }

    fn pairs(&mut self, count: usize) -> Value {
        Value::Map((0..count).map(|_| (self.value(), self.value())).collect())
    }

    pub fn value(&mut self) -> Value {
        let kind = self.number(1) as u8;
        match kind {
            0x00..=0x7f => Value::Int(kind.into()),
            0x80..=0x8f => self.pairs((kind & 15).into()),
            0x90..=0x9f => self.members((kind & 15).into()),
            0xa0..=0xbf => self.text((kind & 31).into()),
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Bool(kind == 0xc3),
            0xc4..=0xc6 => {
                let length = self.number(1 << (kind - 0xc4)) as usize;
                Value::Bytes(self.take(length).to_vec())
            }
            0xcb => Value::Float(f64::from_bits(self.number(8))),
            0xcc..=0xcf => Value::Int(self.number(1 << (kind - 0xcc)) as i64),
            0xd0 => Value::Int(self.number(1) as i8 as i64),
            0xd1 => Value::Int(self.number(2) as i16 as i64),
            0xd2 => Value::Int(self.number(4) as i32 as i64),
            0xd3 => Value::Int(self.number(8) as i64),
            0xd9..=0xdb => {
                let length = self.number(1 << (kind - 0xd9)) as usize;
                self.text(length)
            }
            0xdc | 0xdd => {
                let count = self.number(2 << (kind - 0xdc)) as usize;
                self.members(count)
            }
            0xde | 0xdf => {
                let count = self.number(2 << (kind - 0xde)) as usize;
                self.pairs(count)
            }
            0xe0..=0xff => Value::Int((kind as i8).into()),
            other => panic!("this example does not read MessagePack of kind {other:#x}"),
        }
    }
}
