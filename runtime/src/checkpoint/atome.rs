//! Models written as `ATOME` files.

use super::Checkpoint;
use crate::families::Architecture;
use crate::format::atome::encode;
use crate::format::{Format, WriteError};

/// Returns an Atome model as an `ATOME01` file: trits 2 bits each. A classifier's head has no place in it and is left out.
///
/// # Errors
/// If no file could hold the model ([`Checkpoint::check`]), or it is of another family.
pub fn write_atome01(model: &Checkpoint) -> Result<Vec<u8>, WriteError> {
    write(model, None, Format::Atome01)
}

/// Returns an Atome model as an `ATOME02` file: five trits a byte. A classifier's head has no place in it and is left out.
///
/// # Errors
/// As [`write_atome01`].
pub fn write_atome02(model: &Checkpoint) -> Result<Vec<u8>, WriteError> {
    write(model, None, Format::Atome02)
}

/// Returns a classifier as an `ATOMECL01` file.
///
/// # Errors
/// As [`write_atome01`], and for a language model.
pub fn write_atomecl01(model: &Checkpoint) -> Result<Vec<u8>, WriteError> {
    write(model, model.classes(), Format::AtomeCl01)
}

fn write(
    model: &Checkpoint,
    classes: Option<usize>,
    format: Format,
) -> Result<Vec<u8>, WriteError> {
    if Architecture::of(format) != Some(model.architecture()) {
        let what = "a model of another family";
        return Err(WriteError::NoPlace { format, what });
    }
    model.check()?;
    let shape = Checkpoint::empty(model.config().clone(), classes, format)?;
    encode(format, classes, shape.params(), &model.tensors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FileError;
    use crate::families::AtomeConfig;
    use crate::format::atome::FileHeader;

    const PUBLISHED: AtomeConfig = AtomeConfig {
        vocab_size: 256,
        d_model: 256,
        n_layers: 8,
        d_head: 64,
        top_k: 4,
        kernel_size: 5,
        max_seq: 256,
    };
    const CLASSIFIER: AtomeConfig = AtomeConfig {
        vocab_size: 256,
        d_model: 32,
        n_layers: 2,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 32,
    };

    fn check_size(
        format: Format,
        config: &AtomeConfig,
        classes: Option<usize>,
        file_bytes: u64,
    ) -> Result<(), FileError> {
        let empty = Checkpoint::empty(config.clone(), classes, format)?;
        let header = [format.name().as_bytes(), &1i32.to_le_bytes()].concat();
        FileHeader::parse(&header)?.check_size(empty.params(), file_bytes)
    }

    /// Lengths of the files published for these dimensions.
    #[test]
    fn lengths_of_the_published_models() {
        check_size(Format::Atome01, &PUBLISHED, None, 276_655).unwrap();
        check_size(Format::Atome02, &PUBLISHED, None, 229_975).unwrap();
        for (classes, bytes) in [(4, 6625), (5, 6633), (6, 6641)] {
            check_size(Format::AtomeCl01, &CLASSIFIER, Some(classes), bytes).unwrap();
        }
    }

    #[test]
    fn a_wrong_length_names_the_tensor_and_its_offset() {
        let unembed = 276_655 - (4 + 256 * 256 / 4);
        match check_size(Format::Atome01, &PUBLISHED, None, 276_654) {
            Err(FileError::Truncated {
                tensor,
                offset,
                expected,
                found,
            }) => {
                assert_eq!(
                    (tensor.as_str(), offset, expected, found),
                    ("unembed", unembed, 16_388, 16_387)
                );
            }
            other => panic!("{other:?}"),
        }
        match check_size(Format::Atome01, &PUBLISHED, None, 276_660) {
            Err(FileError::TrailingBytes {
                expected: 276_655,
                extra: 5,
            }) => {}
            other => panic!("{other:?}"),
        }
        match check_size(Format::Atome01, &PUBLISHED, None, 0) {
            Err(FileError::Truncated {
                tensor,
                offset: 7,
                found: 0,
                ..
            }) => assert_eq!(tensor, "embed"),
            other => panic!("{other:?}"),
        }
    }
}
