//! Files from keys and tensors.

use crate::file::{ALIGNMENT, DEFAULT_ALIGNMENT};
use crate::type_id::TypeId;
use crate::value::{Array, Value, ValueType};

/// The bytes of an array of numbers, or of strings.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayBytes {
    kind: ValueType,
    len: usize,
    bytes: Vec<u8>,
}

impl ArrayBytes {
    /// Strings.
    pub fn strings<'s>(strings: impl IntoIterator<Item = &'s str>) -> Self {
        let (mut len, mut bytes) = (0, Vec::new());
        for string in strings {
            put_string(&mut bytes, string);
            len += 1;
        }
        let kind = ValueType::String;
        Self { kind, len, bytes }
    }

    /// i32.
    pub fn i32s(values: impl IntoIterator<Item = i32>) -> Self {
        Self::words(ValueType::I32, values.into_iter().map(i32::to_le_bytes))
    }

    /// u32.
    pub fn u32s(values: impl IntoIterator<Item = u32>) -> Self {
        Self::words(ValueType::U32, values.into_iter().map(u32::to_le_bytes))
    }

    /// f32.
    pub fn f32s(values: impl IntoIterator<Item = f32>) -> Self {
        Self::words(ValueType::F32, values.into_iter().map(f32::to_le_bytes))
    }

    /// u8.
    #[must_use]
    pub fn u8s(values: &[u8]) -> Self {
        let (kind, len) = (ValueType::U8, values.len());
        let bytes = values.to_vec();
        Self { kind, len, bytes }
    }

    fn words(kind: ValueType, words: impl Iterator<Item = [u8; 4]>) -> Self {
        let bytes: Vec<u8> = words.flatten().collect();
        let len = bytes.len() / 4;
        Self { kind, len, bytes }
    }

    /// The value, which borrows these bytes.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        Value::Array(Array::of(self.kind, self.len, &self.bytes))
    }
}

/// A file of version 3 that is put together in memory.
#[derive(Debug, Clone)]
pub struct Writer {
    alignment: usize,
    keys: (u64, Vec<u8>),
    table: (u64, Vec<u8>),
    /// Bytes that the tensors so far take.
    placed: u64,
    data: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            alignment: DEFAULT_ALIGNMENT as usize,
            keys: (0, Vec::new()),
            table: (0, Vec::new()),
            placed: 0,
            data: Vec::new(),
        }
    }
}

impl Writer {
    /// No key and no tensor.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key. `general.alignment` holds for the tensors after it.
    pub fn key(&mut self, key: &str, value: Value<'_>) {
        if let (ALIGNMENT, Value::U32(alignment)) = (key, value) {
            self.alignment = (alignment as usize).max(1);
        }
        let (count, bytes) = &mut self.keys;
        *count += 1;
        put_string(bytes, key);
        bytes.extend(value.kind().id().to_le_bytes());
        put_value(bytes, value);
    }

    /// Adds a tensor with its bytes, `dims` as [`crate::Tensor::dims`] has them.
    pub fn tensor(&mut self, name: &str, dims: &[u64], type_id: TypeId, bytes: &[u8]) {
        self.declare(name, dims, type_id, bytes.len() as u64);
        self.data.extend(bytes);
        pad(&mut self.data, self.alignment);
    }

    /// Adds a tensor of so many bytes, which the caller writes behind [`Writer::header`]; gives the zeros to be written after
    /// them.
    pub fn declare(&mut self, name: &str, dims: &[u64], type_id: TypeId, bytes: u64) -> u64 {
        let (count, table) = &mut self.table;
        *count += 1;
        put_string(table, name);
        table.extend((dims.len() as u32).to_le_bytes());
        table.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        table.extend(type_id.0.to_le_bytes());
        table.extend(self.placed.to_le_bytes());
        let end = self.placed + bytes;
        self.placed = end.next_multiple_of(self.alignment as u64);
        self.placed - end
    }

    /// What stands before the bytes of tensors.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(self.table.0.to_le_bytes());
        file.extend(self.keys.0.to_le_bytes());
        file.extend(&self.keys.1);
        file.extend(&self.table.1);
        pad(&mut file, self.alignment);
        file
    }

    /// The bytes of a file whose tensors were all given.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut file = self.header();
        file.extend(self.data);
        file
    }
}

fn pad(bytes: &mut Vec<u8>, alignment: usize) {
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

fn put_string(bytes: &mut Vec<u8>, string: &str) {
    bytes.extend((string.len() as u64).to_le_bytes());
    bytes.extend(string.as_bytes());
}

fn put_value(bytes: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::U8(x) => bytes.push(x),
        Value::I8(x) => bytes.push(x.cast_unsigned()),
        Value::U16(x) => bytes.extend(x.to_le_bytes()),
        Value::I16(x) => bytes.extend(x.to_le_bytes()),
        Value::U32(x) => bytes.extend(x.to_le_bytes()),
        Value::I32(x) => bytes.extend(x.to_le_bytes()),
        Value::F32(x) => bytes.extend(x.to_le_bytes()),
        Value::Bool(x) => bytes.push(x.into()),
        Value::String(x) => put_string(bytes, x),
        Value::Array(array) => {
            bytes.extend(array.kind().id().to_le_bytes());
            bytes.extend((array.len() as u64).to_le_bytes());
            bytes.extend(array.bytes());
        }
        Value::U64(x) => bytes.extend(x.to_le_bytes()),
        Value::I64(x) => bytes.extend(x.to_le_bytes()),
        Value::F64(x) => bytes.extend(x.to_le_bytes()),
    }
}
