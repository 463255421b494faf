use atome_codegen::ir::Elem;
use std::ops::Range;

/// What an output holds before the call: a NaN that no computation gives.
pub(super) const BLANK: u32 = 0x7fd5_a5a5;

/// One buffer, by the bits of its elements.
#[derive(Clone, Debug)]
pub struct Argument {
    /// The parameter's name.
    pub name: &'static str,
    /// The parameter's element type.
    pub elem: Elem,
    /// Before the call.
    pub before: Vec<u32>,
    /// After the call, by the reference.
    pub after: Vec<u32>,
    /// Elements that may be anything after the call.
    pub unspecified: Range<usize>,
}

impl Argument {
    /// Numbers that are only read.
    pub(super) fn input(name: &'static str, x: &[f32]) -> Argument {
        Argument::in_out(name, x, x)
    }

    /// Numbers that are read and written.
    pub(super) fn in_out(name: &'static str, before: &[f32], after: &[f32]) -> Argument {
        assert_eq!(before.len(), after.len(), "length of {name}");
        Argument {
            name,
            elem: Elem::F32,
            before: bits(before),
            after: bits(after),
            unspecified: 0..0,
        }
    }

    /// Numbers that are written, over [`blank`] ones.
    pub(super) fn output(name: &'static str, after: &[f32]) -> Argument {
        Argument::in_out(name, &blank(after.len()), after)
    }

    /// Packed weights, ids or slots, which are only read.
    pub(super) fn words(name: &'static str, words: Vec<u32>) -> Argument {
        Argument {
            name,
            elem: Elem::I32,
            before: words.clone(),
            after: words,
            unspecified: 0..0,
        }
    }

    /// Words that are read and written.
    pub(super) fn words_in_out(name: &'static str, before: Vec<u32>, after: Vec<u32>) -> Argument {
        assert_eq!(before.len(), after.len(), "length of {name}");
        Argument {
            before,
            ..Argument::words(name, after)
        }
    }

    /// An index that is written.
    pub(super) fn index_output(name: &'static str, index: i32) -> Argument {
        Argument::words_output(name, vec![index as u32])
    }

    /// Integers or bytes that are written.
    pub(super) fn words_output(name: &'static str, after: Vec<u32>) -> Argument {
        Argument {
            name,
            elem: Elem::I32,
            before: vec![BLANK; after.len()],
            after,
            unspecified: 0..0,
        }
    }

    /// Lets elements be anything after the call.
    pub(super) fn unspecified(mut self, elements: Range<usize>) -> Argument {
        self.unspecified = elements;
        self
    }
}

/// Elements that nobody has written.
pub(super) fn blank(n: usize) -> Vec<f32> {
    vec![f32::from_bits(BLANK); n]
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}
