//! A container has exactly the tensors of its model, in the one order that is written.

use super::header::{Entry, Header};
use super::layout::Piece;
use crate::error::{EntryFault, FileError};

/// Checks names, types and shapes of all tensors.
pub(super) fn check(header: &Header, expected: &[Piece]) -> Result<(), FileError> {
    let mut found = header.tensors.iter();
    for Piece {
        entry: expected, ..
    } in expected
    {
        let present = found.next().filter(|entry| entry.name == expected.name);
        let Some(entry) = present else {
            return Err(misplaced(header, expected));
        };
        if (entry.info.dtype, &entry.info.shape) != (expected.info.dtype, &expected.info.shape) {
            return Err(FileError::entry(
                &expected.name,
                EntryFault::Kind {
                    expected: expected.kind(),
                    found: entry.kind(),
                },
            ));
        }
    }
    match found.next() {
        None => Ok(()),
        Some(extra) => Err(FileError::entry(&extra.name, EntryFault::Unknown)),
    }
}

/// Says why a tensor is not at its place in the order: it is missing, or elsewhere.
fn misplaced(header: &Header, expected: &Entry) -> FileError {
    let tensor = expected.name.clone();
    match header.tensors.iter().find(|entry| entry.name == tensor) {
        None => FileError::entry(tensor, EntryFault::Missing),
        Some(entry) => FileError::entry(
            tensor,
            EntryFault::Place {
                expected: header.data_start + expected.begin(),
                found: header.data_start + entry.begin(),
            },
        ),
    }
}
