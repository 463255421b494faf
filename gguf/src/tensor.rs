//! The table of tensors.

use crate::block::{Layout, Ternary};
use crate::cursor::Cursor;
use crate::error::{At, Error, Fault};
use crate::type_id::TypeId;
use std::ops::Range;

/// Bytes of the shortest entry: a name's length and a letter, no dimension, a type, an offset.
pub(crate) const LEAST_BYTES: u64 = 25;

/// The longest name.
const MAX_NAME_BYTES: usize = 63;

/// The most dimensions.
const MAX_RANK: u32 = 4;

/// A tensor of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) rank: usize,
    pub(crate) dims: [u64; MAX_RANK as usize],
    pub(crate) type_id: TypeId,
    pub(crate) layout: Option<Layout>,
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
}

/// An entry of the table: a tensor whose bytes are not looked for yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Info<'a> {
    pub(crate) name: &'a str,
    pub(crate) rank: usize,
    pub(crate) dims: [u64; MAX_RANK as usize],
    pub(crate) elems: u64,
    pub(crate) type_id: TypeId,
    /// Where its bytes are in the data.
    pub(crate) offset: u64,
    /// Where the entry is in the file.
    pub(crate) entry: u64,
    /// Where the entry has its type.
    pub(crate) type_at: u64,
}

impl<'a> Info<'a> {
    pub(crate) fn read(cursor: &mut Cursor<'a>, index: usize) -> Result<Self, Error> {
        cursor.place = At::TensorIndex(index as u64);
        let entry = cursor.offset();
        let name = cursor.string("a name")?;
        let (found, most) = (name.len(), MAX_NAME_BYTES);
        if !(1..=most).contains(&found) {
            return Err(cursor.error(entry, Fault::NameLength { most, found }));
        }
        cursor.place = At::Tensor(name);
        let (rank, dims) = dims(cursor)?;
        let type_at = cursor.offset();
        let type_id = TypeId(cursor.u32("a type")?);
        let offset = cursor.u64("an offset")?;
        // In bits of 16 bytes an element, more than any type has, so that sizes can be counted.
        let product = dims.iter().try_fold(1u64, |all, n| all.checked_mul(*n));
        let elems = product.filter(|n| n.checked_mul(16).is_some());
        let Some(elems) = elems else {
            let dims = dims[..rank].to_vec();
            return Err(cursor.error(entry, Fault::Overflow { dims }));
        };
        Ok(Self {
            name,
            rank,
            dims,
            elems,
            type_id,
            offset,
            entry,
            type_at,
        })
    }

    pub(crate) fn error(&self, offset: u64, fault: Fault) -> Error {
        At::Tensor(self.name).error(offset, fault)
    }

    /// Bytes of the tensor by blocks of so many weights and bytes.
    pub(crate) fn size(&self, (weights, bytes): (u64, u64)) -> Result<u64, Error> {
        if self.dims[0].is_multiple_of(weights) {
            return Ok(self.elems / weights * bytes);
        }
        let fault = Fault::Row {
            cols: self.dims[0],
            block: weights,
            type_id: self.type_id,
        };
        Err(self.error(self.entry, fault))
    }
}

fn dims(cursor: &mut Cursor<'_>) -> Result<(usize, [u64; MAX_RANK as usize]), Error> {
    let offset = cursor.offset();
    let rank = cursor.u32("a number of dimensions")?;
    if rank > MAX_RANK {
        let (expected, found) = ("at most 4 dimensions", rank.into());
        return Err(cursor.error(offset, Fault::Number { expected, found }));
    }
    let mut dims = [1; MAX_RANK as usize];
    for dim in &mut dims[..rank as usize] {
        let offset = cursor.offset();
        *dim = cursor.u64("a dimension")?;
        if *dim == 0 {
            let (expected, found) = ("a dimension of 1 or more", 0);
            return Err(cursor.error(offset, Fault::Number { expected, found }));
        }
    }
    Ok((rank as usize, dims))
}

impl<'a> Tensor<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Its dimensions as the file has them: neighbours differ in the first. A matrix has its columns there and rows next.
    #[must_use]
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.rank]
    }

    /// Rows, and weights of a row: all dimensions but the first, and the first.
    #[must_use]
    pub fn shape(&self) -> (u64, u64) {
        (self.dims[1..].iter().product(), self.dims[0])
    }

    /// How many weights there are.
    #[must_use]
    pub fn elems(&self) -> u64 {
        self.dims.iter().product()
    }

    /// The type by its number.
    #[must_use]
    pub fn type_id(&self) -> TypeId {
        self.type_id
    }

    /// Where in the file its bytes start.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its bytes, as far as their type tells; up to the next tensor where it does not.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How its weights are stored.
    ///
    /// # Errors
    /// If they have a type that is not read, and why.
    pub fn layout(&self) -> Result<Layout, Error> {
        self.layout.ok_or_else(|| {
            let why = match self.type_id {
                TypeId::I2_S => {
                    "; its weights are in one of three orders, and no file says in which: convert the model to TQ2_0"
                }
                _ => "",
            };
            let fault = Fault::Unread {
                read: Layout::NAMES,
                found: self.type_id,
                why,
            };
            At::Tensor(self.name).error(self.offset, fault)
        })
    }

    /// How its trits are stored.
    ///
    /// # Errors
    /// If it has none.
    pub fn ternary(&self) -> Result<Ternary, Error> {
        match self.layout()? {
            Layout::Ternary(ternary) => Ok(ternary),
            _ => {
                let found = self.type_id;
                let fault = Fault::NotTernary { found };
                Err(At::Tensor(self.name).error(self.offset, fault))
            }
        }
    }

    /// All weights, row by row.
    ///
    /// # Errors
    /// If they have a type that is not read.
    pub fn values(&self) -> Result<Vec<f32>, Error> {
        let layout = self.layout()?;
        let mut values = vec![0.0; self.bytes.len() / layout.bytes() * layout.weights()];
        layout.dequantize_into(self.bytes, &mut values);
        Ok(values)
    }

    /// Writes the trits of `rows`, and the scale of each group of them.
    ///
    /// # Errors
    /// If the tensor is not ternary, or a code is that of no trit.
    ///
    /// # Panics
    /// If there are no such rows, or `trits` or `scales` are not as many as theirs.
    pub fn trits_into(
        &self,
        rows: Range<usize>,
        trits: &mut [i8],
        scales: &mut [f32],
    ) -> Result<(), Error> {
        let ternary = self.ternary()?;
        let groups = self.dims[0] as usize / ternary.group();
        let row_bytes = groups * ternary.bytes();
        let bytes = &self.bytes[rows.start * row_bytes..rows.end * row_bytes];
        let found = ternary.trits_into(bytes, trits, scales);
        found.map_err(|fault| {
            let block = rows.start * groups + fault.index / ternary.group();
            let index = block * ternary.group() + fault.index % ternary.group();
            let offset = self.offset + (block * ternary.bytes()) as u64;
            let index = index as u64;
            At::Tensor(self.name).error(offset, Fault::NotATrit { index })
        })
    }
}
