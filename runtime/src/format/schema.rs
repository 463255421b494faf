//! The tensors of a file in order, and the bytes they take: arithmetic only, so that a file can be refused before
//! anything is allocated for it.

use std::fmt;

use super::model::{AtomeBlock, AtomeModel, PATHWAYS, Ternary};
use super::{AtomeConfig, Format};
use crate::error::LoadError;

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

/// One tensor of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TensorSpec {
    pub(super) name: TensorName,
    pub(super) shape: Shape,
}

impl TensorSpec {
    /// Bytes the tensor takes in a file of `format`, or `None` when they, or its elements, cannot be addressed.
    fn bytes(&self, format: Format) -> Option<u64> {
        let (rows, cols, scale_bytes) = match self.shape {
            Shape::Trits { rows, cols } => (rows, cols, 4),
            Shape::Floats { len } => (len, 1, 0),
        };
        let elems = u64::try_from(rows)
            .ok()?
            .checked_mul(u64::try_from(cols).ok()?)?;
        isize::try_from(elems).ok()?;
        match self.shape {
            Shape::Trits { .. } => format.packing().bytes(elems).checked_add(scale_bytes),
            Shape::Floats { .. } => elems.checked_mul(4),
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
    format: Format,
    config: &AtomeConfig,
    classes: Option<usize>,
    file_bytes: u64,
) -> Result<(), LoadError> {
    let mut offset = format.header_bytes() as u64;
    for spec in tensors(config, classes) {
        let tensor = || spec.name.to_string();
        let Some(expected) = spec.bytes(format) else {
            let (rows, cols) = match spec.shape {
                Shape::Trits { rows, cols } => (rows, cols),
                Shape::Floats { len } => (len, 1),
            };
            return Err(LoadError::TooLarge {
                tensor: tensor(),
                rows,
                cols,
            });
        };
        let found = file_bytes.saturating_sub(offset);
        if expected > found {
            return Err(LoadError::Truncated {
                tensor: tensor(),
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
        match check_size(Format::Atome01, &PUBLISHED, None, 276_660) {
            Err(LoadError::TrailingBytes {
                expected: 276_655,
                extra: 5,
            }) => {}
            other => panic!("{other:?}"),
        }
        match check_size(Format::Atome01, &PUBLISHED, None, 0) {
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
            check_size(Format::Atome01, &config, None, 1000),
            Err(LoadError::TooLarge { .. })
        ));
    }
}
