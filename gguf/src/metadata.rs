//! Keys and their values.

use crate::cursor::Cursor;
use crate::error::{At, Error, Fault};
use crate::value::{Array, Value};

/// Bytes of the shortest key with the shortest value: a length, a letter, a type and a byte.
pub(crate) const LEAST_BYTES: u64 = 14;

/// The longest key.
const MAX_KEY_BYTES: usize = (1 << 16) - 1;

/// A key and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// Its name.
    pub key: &'a str,
    /// Its value.
    pub value: Value<'a>,
    /// Where in the file the value's type stands.
    pub offset: u64,
}

impl Entry<'_> {
    /// An error about the value.
    #[must_use]
    pub fn error(&self, fault: Fault) -> Error {
        At::Key(self.key).error(self.offset, fault)
    }

    fn wrong(&self, expected: &'static str) -> Error {
        let found = self.value.found();
        self.error(Fault::Kind { expected, found })
    }
}

/// The keys of a file with their values, in its order.
///
/// A typed accessor gives `None` where there is no such key, and an error where its value is of another type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metadata<'a> {
    entries: Vec<Entry<'a>>,
    /// Indices of entries, by key.
    sorted: Vec<u32>,
}

impl<'a> Metadata<'a> {
    pub(crate) fn read(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, Error> {
        let mut entries = Vec::new();
        let mut keys = Vec::new();
        for index in 0..count {
            cursor.place = At::KeyIndex(index as u64);
            let start = cursor.offset();
            let key = cursor.string("a key")?;
            cursor.place = At::Key(key);
            let (found, most) = (key.len(), MAX_KEY_BYTES);
            if !(1..=most).contains(&found) {
                cursor.place = At::KeyIndex(index as u64);
                return Err(cursor.error(start, Fault::NameLength { most, found }));
            }
            let offset = cursor.offset();
            let value = Value::read(cursor)?;
            entries.push(Entry { key, value, offset });
            keys.push((key, start));
        }
        let sorted = sorted(&keys, At::Key)?;
        Ok(Self { entries, sorted })
    }

    /// The keys and their values, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry<'a>> {
        self.entries.iter()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The key `key` with its value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry<'a>> {
        let key_of = |index: &u32| self.entries[*index as usize].key;
        let found = self.sorted.binary_search_by(|i| key_of(i).cmp(key)).ok()?;
        Some(&self.entries[self.sorted[found] as usize])
    }

    /// The key `key`, which must be there.
    ///
    /// # Errors
    /// If it is not, with what its value should have been.
    pub fn require(&self, key: &str, expected: &'static str) -> Result<&Entry<'a>, Error> {
        let missing = || At::Key(key).missing(Fault::MissingKey { expected });
        self.get(key).ok_or_else(missing)
    }

    /// A string.
    ///
    /// # Errors
    /// If the value is none.
    pub fn string(&self, key: &str) -> Result<Option<&'a str>, Error> {
        self.of(key, "a string", |value| match value {
            Value::String(string) => Some(string),
            _ => None,
        })
    }

    /// A truth value.
    ///
    /// # Errors
    /// If the value is none.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.of(key, "a bool", |value| match value {
            Value::Bool(value) => Some(value),
            _ => None,
        })
    }

    /// A floating-point number, f32 or f64.
    ///
    /// # Errors
    /// If the value is none.
    pub fn float(&self, key: &str) -> Result<Option<f64>, Error> {
        self.of(key, "an f32 or f64", |value| match value {
            Value::F32(value) => Some(value.into()),
            Value::F64(value) => Some(value),
            _ => None,
        })
    }

    /// An integer of any type that is not negative and fits 32 bits: a dimension, a token's id.
    ///
    /// # Errors
    /// If the value is none.
    pub fn u32(&self, key: &str) -> Result<Option<u32>, Error> {
        let Some(found) = self.of(key, "an integer", |value| value.integer())? else {
            return Ok(None);
        };
        let expected = "a number from 0 to 4294967295";
        match (u32::try_from(found), self.get(key)) {
            (Err(_), Some(entry)) => Err(entry.error(Fault::Number { expected, found })),
            (number, _) => Ok(number.ok()),
        }
    }

    /// An array of any type.
    ///
    /// # Errors
    /// If the value is none.
    pub fn array(&self, key: &str) -> Result<Option<Array<'a>>, Error> {
        self.of(key, "an array", |value| match value {
            Value::Array(array) => Some(array),
            _ => None,
        })
    }

    fn of<T>(
        &self,
        key: &str,
        expected: &'static str,
        take: impl Fn(Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let of = |entry: &Entry<'a>| take(entry.value).ok_or_else(|| entry.wrong(expected));
        self.get(key).map(of).transpose()
    }
}

/// The indices of names in their order, no name twice; each stands at an offset of the file.
pub(crate) fn sorted<'a>(
    names: &[(&'a str, u64)],
    place: fn(&'a str) -> At<'a>,
) -> Result<Vec<u32>, Error> {
    let mut sorted: Vec<u32> = (0..).take(names.len()).collect();
    sorted.sort_by_key(|index| names[*index as usize]);
    for pair in sorted.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|index| names[index as usize]);
        if a.0 == b.0 {
            return Err(place(b.0).error(b.1, Fault::Duplicate { first: a.1 }));
        }
    }
    Ok(sorted)
}
