//! Model to bytes: the exact inverse of reading.

use super::Format;
use super::model::{AtomeModel, Ternary};

/// Returns the model as an `ATOME01` file: trits 2 bits each. A classifier's head has no place in it and is left out.
///
/// # Panics
/// If an element of a ternary tensor is not -1, 0 or 1.
#[must_use]
pub fn write_atome01(model: &AtomeModel) -> Vec<u8> {
    let mut writer = Writer::new(Format::Atome01);
    writer.body(model);
    writer.out
}

/// Returns the model as an `ATOME02` file: five trits a byte. A classifier's head has no place in it and is left out.
///
/// # Panics
/// If an element of a ternary tensor is not -1, 0 or 1.
#[must_use]
pub fn write_atome02(model: &AtomeModel) -> Vec<u8> {
    let mut writer = Writer::new(Format::Atome02);
    writer.body(model);
    writer.out
}

/// Returns a classifier as an `ATOMECL01` file, or `None` for a model without a head (or with a head of more rows than
/// the format's 32-bit class count holds).
///
/// # Panics
/// If an element of a ternary tensor is not -1, 0 or 1.
#[must_use]
pub fn write_atomecl01(model: &AtomeModel) -> Option<Vec<u8>> {
    let head = model.head.as_ref()?;
    let classes = i32::try_from(head.rows).ok()?;
    let mut writer = Writer::new(Format::AtomeCl01);
    writer.out.extend(classes.to_le_bytes());
    writer.body(model);
    writer.ternary(head);
    Some(writer.out)
}

struct Writer {
    out: Vec<u8>,
    format: Format,
}

impl Writer {
    fn new(format: Format) -> Self {
        Self {
            out: format.magic().into(),
            format,
        }
    }

    fn body(&mut self, model: &AtomeModel) {
        self.ternary(&model.embed);
        for block in &model.blocks {
            self.floats(&block.norm_gamma);
            self.floats(&block.norm_beta);
            self.ternary(&block.conv);
            self.floats(&block.a);
            self.floats(&block.b);
            self.floats(&block.c);
            for tensor in [&block.wq, &block.wk, &block.wv, &block.router] {
                self.ternary(tensor);
            }
        }
        self.floats(&model.norm_gamma);
        self.floats(&model.norm_beta);
        self.ternary(&model.unembed);
    }

    fn ternary(&mut self, tensor: &Ternary) {
        assert!(
            tensor.trits.iter().all(|trit| (-1..=1).contains(trit)),
            "`{}` has an element that is not a trit",
            tensor.name
        );
        self.floats(&[tensor.scale]);
        self.format
            .packing()
            .pack_into(&tensor.trits, &mut self.out);
    }

    fn floats(&mut self, values: &[f32]) {
        self.out
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}
