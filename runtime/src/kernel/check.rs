//! Arguments of a call against the kernel's signature: after it the kernel touches nothing but the buffers.

use super::{Activation, Buffer, CallError, Kernel};
use atome_codegen::ir::Access;
use atome_codegen::op::{Bound, BufferDef, Content, Dim};

/// The values of the open dimensions, in the order of the signature.
pub(super) fn given(
    kernel: &Kernel,
    given: &[(&str, usize)],
    values: &mut [u64],
) -> Result<(), CallError> {
    let open = &kernel.signature.dims;
    for (i, (name, _)) in given.iter().enumerate() {
        let is_open = open.iter().any(|dim| dim.name == *name);
        let is_first = given[..i].iter().all(|(other, _)| other != name);
        if !is_open || !is_first {
            return Err(CallError::UnknownDim((*name).to_owned()));
        }
    }
    for (dim, value) in open.iter().zip(values) {
        let found = given.iter().find(|(name, _)| dim.name == *name);
        let missing = || CallError::MissingDim(dim.name.to_string());
        *value = found.ok_or_else(missing)?.1 as u64;
    }
    Ok(())
}

/// Ranges, types, lengths and rows, with these values of the open dimensions.
pub(super) fn call(
    kernel: &Kernel,
    values: &[u64],
    buffers: &[Buffer<'_>],
    scalars: &[f32],
) -> Result<(), CallError> {
    let signature = &kernel.signature;
    count("buffers", signature.buffers.len(), buffers.len())?;
    count("scalars", signature.scalars.len(), scalars.len())?;
    let dims = kernel.dims.iter().map(|(dim, _)| dim);
    let dims = dims.zip(kernel.all(values));
    let value = |name: &str| {
        let mut dims = dims.clone();
        dims.find(|(dim, _)| dim.name == name).map(|(_, n)| n)
    };
    for (dim, found) in dims.clone() {
        check_dim(kernel.spec.activation, dim, found, &value)?;
    }
    for (buffer, found) in signature.buffers.iter().zip(buffers) {
        check_buffer(buffer, found, values)?;
        if let Content::Rows(table) = buffer.content {
            check_rows(buffer, found, value(table).unwrap_or(0))?;
        }
    }
    Ok(())
}

fn count(what: &'static str, expected: usize, found: usize) -> Result<(), CallError> {
    match expected == found {
        true => Ok(()),
        false => Err(CallError::Count {
            what,
            expected,
            found,
        }),
    }
}

fn check_dim(
    activation: Activation,
    dim: &Dim,
    found: u64,
    value: &impl Fn(&str) -> Option<u64>,
) -> Result<(), CallError> {
    let range = dim.range(activation);
    let (mut min, mut max) = (*range.start(), *range.end());
    match dim.bound {
        Some(Bound::Below(other)) => {
            max = max.min(value(other).map_or(max, |n| n.saturating_sub(1)));
        }
        Some(Bound::AtMost(other)) => max = max.min(value(other).unwrap_or(max)),
        Some(Bound::AtLeast(other)) => min = min.max(value(other).unwrap_or(min)),
        None => {}
    }
    let dimension = || dim.name.to_string();
    if !(min..=max).contains(&found) {
        return Err(CallError::Dimension {
            dimension: dimension(),
            found,
            min,
            max,
        });
    }
    match found % dim.multiple_of {
        0 => Ok(()),
        _ => Err(CallError::NotMultiple {
            dimension: dimension(),
            found,
            multiple_of: dim.multiple_of,
        }),
    }
}

fn check_buffer(buffer: &BufferDef, found: &Buffer<'_>, values: &[u64]) -> Result<(), CallError> {
    let name = || buffer.name.clone();
    let fits = match (buffer.content, buffer.access, found) {
        (Content::F32, _, Buffer::F32Mut(_)) => true,
        (Content::F32, Access::In, Buffer::F32(_)) => true,
        (Content::F32, ..) => false,
        (Content::I32 | Content::Rows(_), _, Buffer::I32Mut(_)) => true,
        (Content::I32 | Content::Rows(_), Access::In, Buffer::I32(_)) => true,
        (Content::I32 | Content::Rows(_), ..) => false,
        (_, _, Buffer::I32Mut(_) | Buffer::U32Mut(_)) => true,
        (_, Access::In, Buffer::I32(_) | Buffer::U32(_)) => true,
        _ => false,
    };
    if !fits {
        return Err(CallError::Type {
            buffer: name(),
            expected: expected(buffer),
            found: found.described(),
        });
    }
    let bytes = |len: u64| len.checked_mul(4).and_then(|n| isize::try_from(n).ok());
    let len = buffer.len.eval(values).filter(|len| bytes(*len).is_some());
    let Some(expected) = len else {
        return Err(CallError::TooLong { buffer: name() });
    };
    match expected == found.len() as u64 {
        true => Ok(()),
        false => Err(CallError::Length {
            buffer: name(),
            expected,
            found: found.len(),
        }),
    }
}

/// The type of a buffer as it would be declared.
fn expected(buffer: &BufferDef) -> &'static str {
    match (buffer.content, buffer.access) {
        (Content::F32, Access::In) => "&[f32]",
        (Content::F32, _) => "&mut [f32]",
        (Content::I32 | Content::Rows(_), Access::In) => "&[i32]",
        (Content::I32 | Content::Rows(_), _) => "&mut [i32]",
        (_, Access::In) => "&[u32]",
        (_, Access::Out | Access::InOut) => "&mut [u32]",
    }
}

/// Numbers that the kernel reads are rows of the table.
fn check_rows(buffer: &BufferDef, found: &Buffer<'_>, rows: u64) -> Result<(), CallError> {
    let numbers: &[i32] = match found {
        Buffer::I32(numbers) => numbers,
        Buffer::I32Mut(numbers) => numbers,
        _ => &[],
    };
    let is_row = |n: &i32| u64::try_from(*n).is_ok_and(|n| n < rows);
    match numbers.iter().position(|n| !is_row(n)) {
        Some(position) if buffer.access != Access::Out => Err(CallError::Row {
            buffer: buffer.name.clone(),
            position,
            found: numbers[position],
            rows,
        }),
        _ => Ok(()),
    }
}
