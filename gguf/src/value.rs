//! Values of keys.

use crate::cursor::Cursor;
use crate::error::{At, Error, Fault, Found, not_utf8};
use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum ValueType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

impl ValueType {
    /// Every type, by its number in files.
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::String,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// The number that stands for it in files.
    #[must_use]
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// Its name, as messages have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Array => "array",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
        }
    }

    /// Bytes of a value; a string has at least those of its length.
    pub(crate) const fn least_bytes(self) -> u64 {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::String | Self::U64 | Self::I64 | Self::F64 => 8,
            Self::Array => 12,
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let offset = cursor.offset();
        let found = cursor.u32("a type of value")?;
        let kind = Self::ALL.get(found as usize).copied();
        kind.ok_or_else(|| cursor.error(offset, Fault::ValueType { found }))
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A value of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names are the types")]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(&'a str),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl<'a> Value<'a> {
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let what = "a value";
        Ok(match ValueType::read(cursor)? {
            ValueType::U8 => Self::U8(cursor.word::<1>(what)?[0]),
            ValueType::I8 => Self::I8(i8::from_le_bytes(cursor.word(what)?)),
            ValueType::U16 => Self::U16(u16::from_le_bytes(cursor.word(what)?)),
            ValueType::I16 => Self::I16(i16::from_le_bytes(cursor.word(what)?)),
            ValueType::U32 => Self::U32(cursor.u32(what)?),
            ValueType::I32 => Self::I32(i32::from_le_bytes(cursor.word(what)?)),
            ValueType::F32 => Self::F32(f32::from_le_bytes(cursor.word(what)?)),
            ValueType::Bool => Self::Bool(cursor.word::<1>(what)?[0] != 0),
            ValueType::String => Self::String(cursor.string("a string")?),
            ValueType::Array => Self::Array(Array::read(cursor)?),
            ValueType::U64 => Self::U64(cursor.u64(what)?),
            ValueType::I64 => Self::I64(i64::from_le_bytes(cursor.word(what)?)),
            ValueType::F64 => Self::F64(f64::from_le_bytes(cursor.word(what)?)),
        })
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::Bool(_) => ValueType::Bool,
            Self::String(_) => ValueType::String,
            Self::Array(_) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    /// Its type in the words of messages.
    pub(crate) fn found(&self) -> Found {
        match self {
            Self::Array(array) => Found::Array(array.kind),
            other => Found::Value(other.kind()),
        }
    }

    /// The number, if it is an integer of any type.
    #[must_use]
    pub fn integer(&self) -> Option<i128> {
        Some(match *self {
            Self::U8(x) => x.into(),
            Self::I8(x) => x.into(),
            Self::U16(x) => x.into(),
            Self::I16(x) => x.into(),
            Self::U32(x) => x.into(),
            Self::I32(x) => x.into(),
            Self::U64(x) => x.into(),
            Self::I64(x) => x.into(),
            _ => return None,
        })
    }
}

/// Values of one type, as they lie in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a> {
    kind: ValueType,
    len: usize,
    bytes: &'a [u8],
    /// Where the first value is in the file.
    offset: u64,
    key: &'a str,
}

impl<'a> Array<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Error> {
        let offset = cursor.offset();
        let kind = ValueType::read(cursor)?;
        if kind == ValueType::Array {
            return Err(cursor.error(offset, Fault::Nested));
        }
        let len = cursor.count("values of an array", kind.least_bytes())?;
        let offset = cursor.offset();
        let key = match cursor.place {
            At::Key(key) => key,
            _ => "",
        };
        let bytes = match kind {
            ValueType::String => strings(cursor, len)?,
            _ => cursor.take(len as u64 * kind.least_bytes(), "an array")?,
        };
        Ok(Self {
            kind,
            len,
            bytes,
            offset,
            key,
        })
    }

    /// An array to be written: `bytes` are its values as a file has them.
    pub(crate) fn of(kind: ValueType, len: usize, bytes: &'a [u8]) -> Self {
        Self {
            kind,
            len,
            bytes,
            offset: 0,
            key: "",
        }
    }

    /// The type of the values.
    #[must_use]
    pub fn kind(&self) -> ValueType {
        self.kind
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values as the file has them.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn wrong(&self, expected: &'static str) -> Error {
        let found = Found::Array(self.kind);
        At::Key(self.key).error(self.offset, Fault::Kind { expected, found })
    }

    /// The values, which are all of the type `T`.
    ///
    /// # Errors
    /// If they are of another.
    pub fn iter<T: Scalar>(&self) -> Result<impl ExactSizeIterator<Item = T> + use<'a, T>, Error> {
        if self.kind != T::TYPE {
            return Err(self.wrong(T::ARRAY));
        }
        let values = self.bytes.chunks_exact(T::TYPE.least_bytes() as usize);
        Ok(values.map(T::from_le))
    }

    /// The values, which are integers of any one type.
    ///
    /// # Errors
    /// If they are no integers.
    pub fn integers(&self) -> Result<impl ExactSizeIterator<Item = i128> + use<'a>, Error> {
        let signed = match self.kind {
            ValueType::U8 | ValueType::U16 | ValueType::U32 | ValueType::U64 => false,
            ValueType::I8 | ValueType::I16 | ValueType::I32 | ValueType::I64 => true,
            _ => return Err(self.wrong("an array of integers")),
        };
        let size = self.kind.least_bytes() as usize;
        let values = self.bytes.chunks_exact(size);
        Ok(values.map(move |bytes| integer(bytes, signed)))
    }

    /// The strings, each proved to be UTF-8.
    ///
    /// # Errors
    /// If the values are no strings, or one is not UTF-8.
    pub fn strings(&self) -> Result<impl ExactSizeIterator<Item = &'a str> + use<'a>, Error> {
        let mut offset = self.offset;
        for bytes in self.byte_strings()? {
            offset += 8;
            if let Err(e) = str::from_utf8(bytes) {
                let at = offset + e.valid_up_to() as u64;
                return Err(At::Key(self.key).error(at, not_utf8("a string", bytes, e)));
            }
            offset += bytes.len() as u64;
        }
        let strings = self.byte_strings()?;
        Ok(strings.map(|bytes| str::from_utf8(bytes).expect("all are, as was seen")))
    }

    /// The strings, whatever their bytes are.
    ///
    /// # Errors
    /// If the values are no strings.
    pub fn byte_strings(&self) -> Result<Strings<'a>, Error> {
        match self.kind {
            ValueType::String => Ok(Strings {
                bytes: self.bytes,
                left: self.len,
            }),
            _ => Err(self.wrong("an array of strings")),
        }
    }
}

/// The bytes of `len` strings, each of which is within the file.
fn strings<'a>(cursor: &mut Cursor<'a>, len: usize) -> Result<&'a [u8], Error> {
    let mut ahead = cursor.clone();
    for _ in 0..len {
        ahead.byte_string("a string of an array")?;
    }
    cursor.take(ahead.offset() - cursor.offset(), "an array")
}

fn integer(bytes: &[u8], signed: bool) -> i128 {
    let sign = signed && bytes.last().is_some_and(|byte| *byte >= 0x80);
    let mut wide = if sign { [0xff; 16] } else { [0; 16] };
    wide[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(wide)
}

/// The strings of an array.
#[derive(Debug, Clone)]
pub struct Strings<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (string, rest) = rest.split_at_checked(length)?;
        self.bytes = rest;
        self.left -= 1;
        Some(string)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Strings<'_> {}

/// A number type that arrays may hold.
pub trait Scalar: sealed::FromLe {}

mod sealed {
    use super::ValueType;

    pub trait FromLe: Sized {
        const TYPE: ValueType;
        const ARRAY: &'static str;
        fn from_le(bytes: &[u8]) -> Self;
    }
}

macro_rules! scalar {
    ($($t:ty: $kind:ident,)*) => {$(
        impl sealed::FromLe for $t {
            const TYPE: ValueType = ValueType::$kind;
            const ARRAY: &'static str = concat!("an array of ", stringify!($t));

            fn from_le(bytes: &[u8]) -> Self {
                Self::from_le_bytes(*bytes.first_chunk().expect("chunks of this size"))
            }
        }

        impl Scalar for $t {}
    )*};
}

scalar! {
    u8: U8,
    i8: I8,
    u16: U16,
    i16: I16,
    u32: U32,
    i32: I32,
    f32: F32,
    u64: U64,
    i64: I64,
    f64: F64,
}

impl sealed::FromLe for bool {
    const TYPE: ValueType = ValueType::Bool;
    const ARRAY: &'static str = "an array of bool";

    fn from_le(bytes: &[u8]) -> Self {
        bytes[0] != 0
    }
}

impl Scalar for bool {}
