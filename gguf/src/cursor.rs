//! Bytes taken from the front of a file, as far as there are any.

use crate::error::{At, Error, Fault, not_utf8};

/// A place in a file, and the name of what is read there.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(crate) place: At<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            place: At::Header,
        }
    }

    /// Where the next byte is.
    pub(crate) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// Bytes up to the end of the file.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn error(&self, offset: u64, fault: Fault) -> Error {
        self.place.error(offset, fault)
    }

    pub(crate) fn take(&mut self, needs: u64, what: &'static str) -> Result<&'a [u8], Error> {
        let left = self.left();
        match usize::try_from(needs) {
            Ok(length) if length <= left => {
                let bytes = &self.bytes[self.at..self.at + length];
                self.at += length;
                Ok(bytes)
            }
            _ => {
                let left = left as u64;
                Err(self.error(self.offset(), Fault::Cut { what, needs, left }))
            }
        }
    }

    pub(crate) fn word<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        let bytes = self.take(N as u64, what)?;
        Ok(*bytes.first_chunk().expect("as many as were taken"))
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        self.word(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        self.word(what).map(u64::from_le_bytes)
    }

    /// A count of things that take at least `least_bytes` each.
    pub(crate) fn count(&mut self, what: &'static str, least_bytes: u64) -> Result<usize, Error> {
        let offset = self.offset();
        let found = self.u64(what)?;
        self.fits(offset, found.into(), what, least_bytes)
    }

    /// The same, of a number that was read at `offset`.
    pub(crate) fn fits(
        &self,
        offset: u64,
        found: i128,
        what: &'static str,
        least_bytes: u64,
    ) -> Result<usize, Error> {
        let most = self.left() as u64 / least_bytes;
        match usize::try_from(found) {
            Ok(count) if count as u64 <= most => Ok(count),
            _ => Err(self.error(offset, Fault::Count { what, most, found })),
        }
    }

    /// A length, and as many bytes.
    pub(crate) fn byte_string(&mut self, what: &'static str) -> Result<&'a [u8], Error> {
        let length = self.u64(what)?;
        self.take(length, what)
    }

    pub(crate) fn string(&mut self, what: &'static str) -> Result<&'a str, Error> {
        let bytes = self.byte_string(what)?;
        let offset = self.offset() - bytes.len() as u64;
        str::from_utf8(bytes).map_err(|e| {
            let at = offset + e.valid_up_to() as u64;
            self.error(at, not_utf8(what, bytes, e))
        })
    }
}
