//! The tensors of a file in order, and the bytes they take: arithmetic only, so that a file can be refused before
//! anything is allocated for it.

use std::fmt;

use super::model::{AtomeBlock, AtomeModel, PATHWAYS, Ternary};
use super::trits::Packing;
use super::{AtomeConfig, Format};
use crate::error::LoadError;

/// What an `ATOME` file has around and inside its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Length of the header: the magic, and for a classifier the class count after it.
    pub(super) header_bytes: usize,
    /// How trits are packed.
    pub(super) packing: Packing,
}

/// A tensor's name without a string: `embed`, or `blocks.3.wq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TensorName {
    block: Option<usize>,
    part: &'static str,
}

impl TensorName {
    /// The name within a block, or within the model.
    pub(super) const fn part(self) -> &'static str {
        self.part
    }
}

impl fmt::Display for TensorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            Some(block) => write!(f, "blocks.{block}.{}", self.part),
            None => f.write_str(self.part),
        }
    }
}

/// What a tensor is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An f32 scale, then `rows * cols` packed trits.
    Trits { rows: usize, cols: usize },
    /// `len` f32 numbers.
    Floats { len: usize },
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trits { rows, cols } => write!(f, "{rows} x {cols} trits"),
            Self::Floats { len } => write!(f, "{len} f32"),
        }
    }
}

impl Shape {
    /// Rows and columns; a vector is one column.
    const fn dims(self) -> (usize, usize) {
        match self {
            Self::Trits { rows, cols } => (rows, cols),
            Self::Floats { len } => (len, 1),
        }
    }
}

/// One tensor of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TensorSpec {
    pub(super) name: TensorName,
    pub(super) shape: Shape,
}

impl TensorSpec {
    /// Bytes the tensor takes in an `ATOME` file, its scale included.
    fn bytes(&self, packing: Packing) -> Result<u64, LoadError> {
        let elems = self.elems()?;
        let bytes = match self.shape {
            Shape::Trits { .. } => packing.bytes(elems).checked_add(4),
            Shape::Floats { .. } => elems.checked_mul(4),
        };
        bytes.ok_or_else(|| self.too_large())
    }

    /// Elements of the tensor.
    ///
    /// # Errors
    /// [`LoadError::TooLarge`] when they cannot be addressed.
    pub(super) fn elems(&self) -> Result<u64, LoadError> {
        let (rows, cols) = self.shape.dims();
        let elems = rows.checked_mul(cols);
        let elems = elems.filter(|&elems| isize::try_from(elems).is_ok());
        elems
            .and_then(|elems| u64::try_from(elems).ok())
            .ok_or_else(|| self.too_large())
    }

    /// The error that no file could hold the tensor.
    pub(super) fn too_large(&self) -> LoadError {
        let (rows, cols) = self.shape.dims();
        LoadError::TooLarge {
            tensor: self.name.to_string(),
            rows,
            cols,
        }
    }
}

/// Lists the tensors of a model in the order of its file.
pub(super) fn tensors(
    config: &AtomeConfig,
    classes: Option<usize>,
) -> impl Iterator<Item = TensorSpec> + use<> {
    let &AtomeConfig {
        vocab_size,
        d_model,
        n_layers,
        d_head,
        kernel_size,
        ..
    } = config;
    let trits = |part, rows, cols| (part, Shape::Trits { rows, cols });
    let floats = |part| (part, Shape::Floats { len: d_model });
    let block = [
        floats("norm.gamma"),
        floats("norm.beta"),
        trits("conv", d_model, kernel_size),
        floats("a"),
        floats("b"),
        floats("c"),
        trits("wq", d_head, d_model),
        trits("wk", d_head, d_model),
        trits("wv", d_model, d_model),
        trits("router", PATHWAYS, d_model),
    ];
    let tail = [
        floats("norm.gamma"),
        floats("norm.beta"),
        trits("unembed", vocab_size, d_model),
    ];
    let head = classes.map(|classes| trits("head", classes, d_model));

    let named = |block, (part, shape)| TensorSpec {
        name: TensorName { block, part },
        shape,
    };
    let blocks = (0..n_layers)
        .flat_map(move |i| block.into_iter().map(move |tensor| named(Some(i), tensor)));
    std::iter::once(trits("embed", vocab_size, d_model))
        .map(move |tensor| named(None, tensor))
        .chain(blocks)
        .chain(
            tail.into_iter()
                .chain(head)
                .map(move |tensor| named(None, tensor)),
        )
}

/// Checks that a file of `file_bytes` holds exactly the tensors that the dimensions ask for.
///
/// # Errors
/// [`LoadError::Truncated`] for the first tensor that does not fit, [`LoadError::TrailingBytes`] for bytes after the
/// last, [`LoadError::TooLarge`] for a tensor that no file could hold.
pub(super) fn check_size(
    frame: Frame,
    config: &AtomeConfig,
    classes: Option<usize>,
    file_bytes: u64,
) -> Result<(), LoadError> {
    let mut offset = frame.header_bytes as u64;
    for spec in tensors(config, classes) {
        let expected = spec.bytes(frame.packing)?;
        let found = file_bytes.saturating_sub(offset);
        if expected > found {
            return Err(LoadError::Truncated {
                tensor: spec.name.to_string(),
                offset,
                expected,
                found,
            });
        }
        offset += expected;
    }
    match file_bytes - offset {
        0 => Ok(()),
        extra => Err(LoadError::TrailingBytes {
            expected: offset,
            extra,
        }),
    }
}

/// Where the tensors of a model come from: a file, or a random number generator.
pub(super) trait TensorSource {
    type Error;

    fn ternary(
        &mut self,
        name: TensorName,
        rows: usize,
        cols: usize,
    ) -> Result<Ternary, Self::Error>;

    fn floats(&mut self, name: TensorName, len: usize) -> Result<Vec<f32>, Self::Error>;
}

/// Builds a model by asking `source` for each tensor in the order of the file.
pub(super) fn assemble<S: TensorSource>(
    config: &AtomeConfig,
    format: Format,
    classes: Option<usize>,
    source: &mut S,
) -> Result<AtomeModel, S::Error> {
    let mut next = InOrder {
        specs: tensors(config, classes),
        source,
    };
    // Fields of a struct literal are evaluated in the order written, which is the order of the file.
    Ok(AtomeModel {
        config: config.clone(),
        embed: next.ternary()?,
        blocks: (0..config.n_layers)
            .map(|_| next.block())
            .collect::<Result<_, _>>()?,
        norm_gamma: next.floats()?,
        norm_beta: next.floats()?,
        unembed: next.ternary()?,
        head: classes.map(|_| next.ternary()).transpose()?,
        format,
        tokenizer: AtomeModel::tokenizer_of(config.vocab_size).into(),
    })
}

struct InOrder<'s, I, S> {
    specs: I,
    source: &'s mut S,
}

impl<I: Iterator<Item = TensorSpec>, S: TensorSource> InOrder<'_, I, S> {
    fn ternary(&mut self) -> Result<Ternary, S::Error> {
        match self.specs.next() {
            Some(TensorSpec {
                name,
                shape: Shape::Trits { rows, cols },
            }) => self.source.ternary(name, rows, cols),
            other => unreachable!("the schema lists a ternary tensor here, not {other:?}"),
        }
    }

    fn floats(&mut self) -> Result<Vec<f32>, S::Error> {
        match self.specs.next() {
            Some(TensorSpec {
                name,
                shape: Shape::Floats { len },
            }) => self.source.floats(name, len),
            other => unreachable!("the schema lists an f32 vector here, not {other:?}"),
        }
    }

    fn block(&mut self) -> Result<AtomeBlock, S::Error> {
        Ok(AtomeBlock {
            norm_gamma: self.floats()?,
            norm_beta: self.floats()?,
            conv: self.ternary()?,
            a: self.floats()?,
            b: self.floats()?,
            c: self.floats()?,
            wq: self.ternary()?,
            wk: self.ternary()?,
            wv: self.ternary()?,
            router: self.ternary()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Lengths of the files published for these dimensions.
    #[test]
    fn lengths_of_the_published_models() {
        check_size(Format::Atome01.frame().unwrap(), &PUBLISHED, None, 276_655).unwrap();
        check_size(Format::Atome02.frame().unwrap(), &PUBLISHED, None, 229_975).unwrap();
        for (classes, bytes) in [(4, 6625), (5, 6633), (6, 6641)] {
            check_size(
                Format::AtomeCl01.frame().unwrap(),
                &CLASSIFIER,
                Some(classes),
                bytes,
            )
            .unwrap();
        }
    }

    #[test]
    fn a_wrong_length_names_the_tensor_and_its_offset() {
        let unembed = 276_655 - (4 + 256 * 256 / 4);
        match check_size(Format::Atome01.frame().unwrap(), &PUBLISHED, None, 276_654) {
            Err(LoadError::Truncated {
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
        match check_size(Format::Atome01.frame().unwrap(), &PUBLISHED, None, 276_660) {
            Err(LoadError::TrailingBytes {
                expected: 276_655,
                extra: 5,
            }) => {}
            other => panic!("{other:?}"),
        }
        match check_size(Format::Atome01.frame().unwrap(), &PUBLISHED, None, 0) {
            Err(LoadError::Truncated {
                tensor,
                offset: 7,
                found: 0,
                ..
            }) => assert_eq!(tensor, "embed"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn products_that_overflow_are_refused() {
        let config = AtomeConfig {
            vocab_size: usize::MAX,
            ..PUBLISHED
        };
        assert!(matches!(
            check_size(Format::Atome01.frame().unwrap(), &config, None, 1000),
            Err(LoadError::TooLarge { .. })
        ));
    }
}
