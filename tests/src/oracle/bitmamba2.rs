//! The BitMamba-2 family in f64, from the bytes of a `BIT2` file whose elements a test may change.

use super::ball::{silu_of, softplus_of};
use std::collections::BTreeMap;
use std::ops::Range;

const NORM_EPS: f64 = 1e-6;
/// Elements of a layer's history a channel, the token itself included.
const TAPS: usize = 4;

/// The bytes of a file and where its tensors are.
#[derive(Clone)]
pub struct Bit2 {
    bytes: Vec<u8>,
    tensors: BTreeMap<String, Place>,
    d_model: usize,
    layers: usize,
    heads: usize,
}

#[derive(Clone)]
enum Place {
    /// Floats, four bytes each.
    Floats(Range<usize>),
    /// A scale, and then trits, four a byte, `[rows, cols]`.
    Trits {
        scale: usize,
        first: usize,
        shape: [usize; 2],
    },
}

/// A token's pass: the state of each layer.
struct State {
    history: Vec<Vec<f64>>,
    h: Vec<f64>,
}

impl Bit2 {
    /// # Panics
    /// If the bytes are no such file.
    pub fn new(bytes: Vec<u8>) -> Bit2 {
        let [vocab, d_model, layers, heads] = [1, 2, 3, 4].map(|i| word(&bytes, 4 * i));
        let parts = [
            "in_norm",
            "in_proj",
            "conv",
            "conv_bias",
            "dt_bias",
            "A_log",
            "D",
            "out_norm",
            "out_proj",
        ];
        let of_layer = |i| parts.map(|part| format!("{i}.{part}"));
        let names = std::iter::once("embed".to_owned())
            .chain((0..layers).flat_map(of_layer))
            .chain(["norm_f", "head_norm", "head"].map(str::to_owned));
        let (mut at, mut tensors) = (20, BTreeMap::new());
        for name in names {
            let (place, end) = Place::read(&bytes, at);
            tensors.insert(name, place);
            at = end;
        }
        assert_eq!((at, vocab > 0), (bytes.len(), true), "the whole file");
        Bit2 {
            bytes,
            tensors,
            d_model,
            layers,
            heads,
        }
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The names of the tensors of floats.
    pub fn float_names(&self) -> Vec<String> {
        let floats = self
            .tensors
            .iter()
            .filter(|(_, p)| matches!(p, Place::Floats(_)));
        floats.map(|(name, _)| name.clone()).collect()
    }

    /// The names of the ternary matrices.
    pub fn matrix_names(&self) -> Vec<String> {
        let trits = self
            .tensors
            .iter()
            .filter(|(_, p)| matches!(p, Place::Trits { .. }));
        trits.map(|(name, _)| name.clone()).collect()
    }

    /// Gives the elements of a tensor of floats, or the scale of a matrix, by number and old value, a new value.
    pub fn change(&mut self, name: &str, new: impl Fn(usize, f32) -> f32) {
        let places = match self.tensors[name].clone() {
            Place::Floats(range) => range,
            Place::Trits { scale, .. } => scale..scale + 4,
        };
        for (i, bytes) in self.bytes[places]
            .as_chunks_mut::<4>()
            .0
            .iter_mut()
            .enumerate()
        {
            *bytes = new(i, f32::from_le_bytes(*bytes)).to_le_bytes();
        }
    }

    fn floats(&self, name: &str) -> Vec<f64> {
        let Place::Floats(range) = self.tensors[name].clone() else {
            panic!("{name} has trits");
        };
        let words = self.bytes[range].as_chunks::<4>().0;
        words
            .iter()
            .map(|w| f64::from(f32::from_le_bytes(*w)))
            .collect()
    }

    /// Norm, rounding to int8, and the product with the trits; the file's scale divides.
    fn project(&self, norm: &str, matrix: &str, x: &[f64]) -> Vec<f64> {
        let Place::Trits {
            scale,
            first,
            shape: [rows, cols],
        } = self.tensors[matrix]
        else {
            panic!("{matrix} has floats");
        };
        let scale = f64::from(f32::from_bits(word(&self.bytes, scale) as u32));
        let x = rms(x, &self.floats(norm));
        let range = x.iter().fold(0.0, |m: f64, x| m.max(x.abs())) + 1e-5;
        let q: Vec<f64> = x
            .iter()
            .map(|x| (127.0 * x / range).round_ties_even())
            .collect();
        let trit = |i: usize| f64::from(self.bytes[first + i / 4] >> (2 * (i % 4)) & 3) - 1.0;
        let row = |r: usize| {
            q.iter()
                .enumerate()
                .map(|(c, q)| trit(r * cols + c) * q)
                .sum::<f64>()
        };
        (0..rows)
            .map(|r| row(r) * (range / 127.0) / scale)
            .collect()
    }

    /// The logits after the last of `tokens`.
    ///
    /// # Panics
    /// If there are none, or one is not in the vocabulary.
    pub fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let d_inner = 2 * self.d_model;
        let fresh = || State {
            history: vec![vec![0.0; d_inner]; TAPS - 1],
            h: vec![0.0; d_inner],
        };
        let mut states: Vec<State> = (0..self.layers).map(|_| fresh()).collect();
        let table = self.floats("embed");
        let mut x = Vec::new();
        for token in tokens {
            x = table[*token as usize * self.d_model..][..self.d_model].to_vec();
            for (i, state) in states.iter_mut().enumerate() {
                self.layer(i, state, &mut x);
            }
        }
        self.project("head_norm", "head", &rms(&x, &self.floats("norm_f")))
    }

    fn layer(&self, i: usize, state: &mut State, x: &mut [f64]) {
        let (d_inner, heads) = (2 * self.d_model, self.heads);
        let named = |part: &str| format!("{i}.{part}");
        let floats = |part: &str| self.floats(&named(part));
        let projected = self.project(&named("in_norm"), &named("in_proj"), x);
        let (z, rest) = projected.split_at(d_inner);
        let (u, rest) = rest.split_at(d_inner);
        let (w, bias, d) = (floats("conv"), floats("conv_bias"), floats("D"));
        let (dt_bias, a_log) = (floats("dt_bias"), floats("A_log"));
        state.history.push(u.to_vec());
        let mut y = vec![0.0; d_inner];
        for c in 0..d_inner {
            let taps = (0..TAPS).map(|k| w[TAPS * c + k] * state.history[k][c]);
            let sample = silu_of(taps.sum::<f64>() + bias[c]);
            let head = c * heads / d_inner;
            let [b, gain, dt] = [0, 1, 2].map(|i| rest[i * heads + head]);
            let shifted = dt + dt_bias[head];
            // ln(1 + e^x) is e^x far below 0, where it is no number of f64 any more.
            let lost = match shifted < -40.0 {
                true => (a_log[head] + shifted).exp(),
                false => a_log[head].exp() * softplus_of(shifted),
            };
            state.h[c] = state.h[c] * (-lost).exp() + sample * b * softplus_of(shifted);
            y[c] = (state.h[c] * gain + sample * d[c]) * silu_of(z[c]);
        }
        state.history.remove(0);
        let added = self.project(&named("out_norm"), &named("out_proj"), &y);
        x.iter_mut().zip(added).for_each(|(x, added)| *x += added);
    }
}

fn rms(x: &[f64], gamma: &[f64]) -> Vec<f64> {
    let root = (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + NORM_EPS).sqrt();
    x.iter().zip(gamma).map(|(x, g)| x / root * g).collect()
}

fn word(bytes: &[u8], at: usize) -> usize {
    let word = bytes[at..].first_chunk().expect("four bytes");
    u32::from_le_bytes(*word) as usize
}

impl Place {
    /// The tensor whose header is at a byte, and where it ends.
    fn read(bytes: &[u8], at: usize) -> (Place, usize) {
        let number = |i: usize| word(bytes, at + 4 * i);
        match number(0) {
            2 => {
                let shape = [number(1), number(2)];
                let first = at + 16;
                let end = first + shape[0] * shape[1].div_ceil(4);
                (
                    Place::Trits {
                        scale: at + 12,
                        first,
                        shape,
                    },
                    end,
                )
            }
            _ => {
                let dims = number(1);
                let elems: usize = (0..dims).map(|i| number(2 + i)).product();
                let first = at + 8 + 4 * dims;
                (Place::Floats(first..first + 4 * elems), first + 4 * elems)
            }
        }
    }
}
