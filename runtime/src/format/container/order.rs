//! A container has exactly the tensors of its model, in the one order that is written.

use super::ContainerError;
use super::entries::CRC32;
use super::header::{Entry, Header};

/// Checks names, types and shapes of all tensors, and that each has one of `checksums` checksums.
pub(in crate::format) fn check(
    header: &Header,
    expected: &[Entry],
    checksums: usize,
) -> Result<(), ContainerError> {
    let mut found = header.tensors.iter();
    for expected in expected {
        let present = found.next().filter(|entry| entry.name == expected.name);
        let Some(entry) = present else {
            return Err(misplaced(header, expected));
        };
        if entry.dtype != expected.dtype || entry.shape != expected.shape {
            return Err(ContainerError::Kind {
                tensor: expected.name.clone(),
                expected: expected.kind(),
                found: entry.kind(),
            });
        }
    }
    if let Some(extra) = found.next() {
        let tensor = extra.name.clone();
        return Err(ContainerError::ExtraTensor { tensor });
    }
    let tensors = header.tensors.len();
    if checksums != tensors {
        return Err(ContainerError::Value {
            key: CRC32,
            expected: format!("8 hexadecimal digits for each of {tensors} tensors"),
            found: format!("{checksums} times 8"),
        });
    }
    Ok(())
}

/// Says why a tensor is not at its place in the order: it is missing, or elsewhere.
fn misplaced(header: &Header, expected: &Entry) -> ContainerError {
    let tensor = expected.name.clone();
    match header.tensors.iter().find(|entry| entry.name == tensor) {
        None => ContainerError::MissingTensor { tensor },
        Some(entry) => ContainerError::Place {
            tensor,
            expected: header.data_start + expected.begin,
            found: header.data_start + entry.begin,
        },
    }
}
