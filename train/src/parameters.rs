//! The numbers that are trained, in one fixed order, and the model they stand for.

use crate::Settings;
use crate::settings::VOCAB;
use atome::Progress;
use atome::checkpoint::Checkpoint;
use atome::families::PATHWAYS;
use atome::format::quantize_absmean;
use atome::tensor::{Tensors, Ternary, Values};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

/// Shortest and longest memory of the initial states: 1 - decay lies between.
const FORGETTING: (f32, f32) = (0.005, 0.5);

/// One tensor of parameters, `[rows, cols]`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub name: String,
    pub rows: usize,
    pub cols: usize,
    /// Its parts, first to last.
    pub segments: Vec<Segment>,
    pub values: Vec<f32>,
}

/// Consecutive rows of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Segment {
    pub rows: usize,
    /// Whether the forward pass makes it ternary, with a scale of its own.
    pub ternary: bool,
    /// What moves it.
    pub rule: Rule,
}

/// How the optimizer moves a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    AdamW,
    Muon,
}

/// What the last matrix gives a number for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// Each byte that may follow.
    NextByte,
    /// Each of so many classes.
    Classes(usize),
}

/// The matrix of a classifier.
const CLASSES: &str = "head";
/// That of a language model.
const NEXT_BYTE: &str = "unembed";

impl Head {
    pub(crate) fn rows(self) -> usize {
        match self {
            Head::NextByte => VOCAB,
            Head::Classes(classes) => classes,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Head::NextByte => NEXT_BYTE,
            Head::Classes(_) => CLASSES,
        }
    }
}

/// The files of classifiers have an unembedding that nothing uses.
fn unused_unembedding(d_model: usize) -> Ternary {
    Ternary {
        name: NEXT_BYTE.to_owned(),
        rows: VOCAB,
        cols: d_model,
        scale: 0.0,
        trits: vec![0; VOCAB * d_model],
    }
}

/// Parameters of a block.
pub(crate) const BLOCK: usize = 2;

/// All parameters: the embedding; for each block the vectors `[5 + taps, d]` (gamma, beta, `a`,
/// `b`, `c` and the filters) and the projections `[2 d_head + d + 3, d]` (query, key, value,
/// router); the final norm `[2, d]` and the unembedding, or a classifier's head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameters {
    pub list: Vec<Parameter>,
}

impl Parameter {
    /// The values of each segment.
    fn parts(&self) -> impl Iterator<Item = (Segment, &[f32])> {
        let mut rest = &self.values[..];
        self.segments.iter().map(move |&segment| {
            let (part, next) = rest.split_at(segment.rows * self.cols);
            rest = next;
            (segment, part)
        })
    }

    /// What the forward pass uses: `scale * trit` for ternary segments, the values otherwise.
    // Latent weights used as floats first, moving to their trits later, lost: floats learn three
    // times as fast, but 20,000 steps with 7,000 of floats and 5,000 of moving were at 1.98 bits
    // a byte where trits from the start were at 1.84 after 9,000 steps.
    pub(crate) fn effective(&self) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.values.len());
        for (segment, values) in self.parts() {
            if segment.ternary {
                let (scale, trits) = quantize_absmean(values);
                out.extend(trits.iter().map(|&trit| scale * f32::from(trit)));
            } else {
                out.extend_from_slice(values);
            }
        }
        out
    }

    /// Segment `i` as a ternary tensor.
    fn tensor(&self, i: usize, name: String) -> Ternary {
        let (segment, values) = self.part(i);
        let (scale, trits) = quantize_absmean(values);
        Ternary {
            name,
            rows: segment.rows,
            cols: self.cols,
            scale,
            trits,
        }
    }

    fn part(&self, i: usize) -> (Segment, &[f32]) {
        let found = self.parts().nth(i);
        found.unwrap_or_else(|| unreachable!("`{}` has a segment {i}", self.name))
    }

    fn row(&self, i: usize) -> Vec<f32> {
        self.values[i * self.cols..][..self.cols].to_vec()
    }
}

impl Parameters {
    /// Initial values, by the seed, of a model whose head is this; `progress` counts them.
    pub(crate) fn new(settings: &Settings, head: Head, progress: Progress<'_>) -> Parameters {
        let mut init = Init {
            rng: ChaCha8Rng::seed_from_u64(settings.seed),
            list: Vec::new(),
            done: 0,
            of: usize::try_from(settings.parameters(head.rows())).unwrap_or(usize::MAX),
            progress,
        };
        let d = settings.d_model;
        let spread = 1.0 / (d as f32).sqrt();
        init.add("embed", d).normal(VOCAB, 0.5);
        for i in 0..settings.n_layers {
            let taps = settings.kernel_size;
            let mut vectors = init.add(format!("blocks.{i}.vectors"), d);
            vectors
                .norm()
                .state_space()
                .normal(taps, 1.0 / (taps as f32).sqrt());
            let mut projections = init.add(format!("blocks.{i}.projections"), d);
            for rows in [settings.d_head, settings.d_head, d] {
                projections.matrix(rows, spread);
            }
            projections.normal(PATHWAYS, 0.3 * spread);
        }
        init.add("norm", d).norm();
        init.add(head.name(), d).normal(head.rows(), spread);
        Parameters { list: init.list }
    }

    /// Number of trained numbers.
    pub(crate) fn count(&self) -> usize {
        self.list.iter().map(|p| p.values.len()).sum()
    }

    /// The model that the parameters stand for.
    pub(crate) fn model(&self, settings: &Settings) -> Checkpoint {
        let blocks = self.list[1..].chunks_exact(BLOCK).take(settings.n_layers);
        let tail = &self.list[self.list.len() - 2..];
        let mut named = Named(Tensors::new());
        named.ternary(self.list[0].tensor(0, "embed".to_owned()));
        for (i, parameters) in blocks.enumerate() {
            named.block(&format!("blocks.{i}"), parameters);
        }
        named.norm("norm", &tail[0]);
        let classes = match tail[1].name == CLASSES {
            true => {
                named.ternary(unused_unembedding(settings.d_model));
                Some(tail[1].rows)
            }
            false => None,
        };
        named.ternary(tail[1].tensor(0, tail[1].name.clone()));
        match Checkpoint::new(settings.config(), classes, named.0) {
            Ok(model) => model,
            Err(fault) => unreachable!("settings were checked: {fault}"),
        }
    }
}

/// The tensors of a model, by the names of its files.
struct Named(Tensors);

impl Named {
    fn block(&mut self, block: &str, parameters: &[Parameter]) {
        let name = |part: &str| format!("{block}.{part}");
        let [vectors, projections] = [&parameters[0], &parameters[1]];
        self.norm(&name("norm"), vectors);
        self.ternary(transposed(vectors.tensor(2, name("conv"))));
        for (row, part) in [(2, "a"), (3, "b"), (4, "c")] {
            self.values(name(part), vectors.row(row));
        }
        for (segment, part) in [(0, "wq"), (1, "wk"), (2, "wv"), (3, "router")] {
            self.ternary(projections.tensor(segment, name(part)));
        }
    }

    fn norm(&mut self, name: &str, vectors: &Parameter) {
        self.values(format!("{name}.gamma"), vectors.row(0));
        self.values(format!("{name}.beta"), vectors.row(1));
    }

    fn ternary(&mut self, w: Ternary) {
        self.0.insert(w.name.clone(), w.into());
    }

    fn values(&mut self, name: String, values: Vec<f32>) {
        let tensor = Values {
            name: name.clone(),
            values,
        };
        self.0.insert(name, tensor.into());
    }
}

/// Filters are trained `[taps, d]` and exchanged `[d, taps]`.
fn transposed(t: Ternary) -> Ternary {
    let at = |c: usize| (0..t.rows).map(move |r| r * t.cols + c);
    let trits = (0..t.cols).flat_map(at).map(|i| t.trits[i]).collect();
    Ternary {
        rows: t.cols,
        cols: t.rows,
        trits,
        ..t
    }
}

struct Init<'p> {
    rng: ChaCha8Rng,
    list: Vec<Parameter>,
    done: usize,
    of: usize,
    progress: Progress<'p>,
}

impl<'p> Init<'p> {
    fn add(&mut self, name: impl Into<String>, cols: usize) -> Growing<'_, 'p> {
        self.list.push(Parameter {
            name: name.into(),
            rows: 0,
            cols,
            segments: Vec::new(),
            values: Vec::new(),
        });
        Growing { init: self }
    }
}

/// A parameter that segments are added to.
struct Growing<'a, 'p> {
    init: &'a mut Init<'p>,
}

impl Growing<'_, '_> {
    fn parameter(&mut self) -> &mut Parameter {
        let last = self.init.list.last_mut();
        last.unwrap_or_else(|| unreachable!("it was added before"))
    }

    fn cols(&mut self) -> usize {
        self.parameter().cols
    }

    fn segment(
        &mut self,
        ternary: bool,
        rule: Rule,
        values: impl IntoIterator<Item = f32>,
    ) -> &mut Self {
        let parameter = self.parameter();
        let before = parameter.values.len();
        parameter.values.extend(values);
        let rows = (parameter.values.len() - before) / parameter.cols;
        parameter.rows += rows;
        parameter.segments.push(Segment {
            rows,
            ternary,
            rule,
        });
        self
    }

    /// Normally distributed latent ternary weights, as a table of rows.
    fn normal(&mut self, rows: usize, deviation: f32) -> &mut Self {
        let values = self.random(rows, deviation);
        self.segment(true, Rule::AdamW, values)
    }

    /// Normally distributed latent ternary weights, as a map of the residual stream.
    fn matrix(&mut self, rows: usize, deviation: f32) -> &mut Self {
        let values = self.random(rows, deviation);
        self.segment(true, Rule::Muon, values)
    }

    fn random(&mut self, rows: usize, deviation: f32) -> Vec<f32> {
        let cols = self.cols();
        let Init {
            rng,
            done,
            of,
            progress,
            ..
        } = &mut *self.init;
        let mut values = Vec::with_capacity(rows * cols);
        for _ in 0..rows {
            let row = (0..cols).map(|_| deviation * rng.sample::<f32, _>(StandardNormal));
            values.extend(row);
            *done += cols;
            progress(*done, *of);
        }
        values
    }

    fn norm(&mut self) -> &mut Self {
        let d = self.cols();
        let gains = std::iter::repeat_n(1.0, d);
        self.segment(false, Rule::AdamW, gains.chain(std::iter::repeat_n(0.0, d)))
    }

    /// Memories of many lengths, each with an output of about the variance of its input.
    fn state_space(&mut self) -> &mut Self {
        let d = self.cols();
        let (low, high) = (FORGETTING.0.ln(), FORGETTING.1.ln());
        let decay: Vec<f32> = (0..d)
            .map(|_| 1.0 - self.init.rng.random_range(low..high).exp())
            .collect();
        let a = decay.iter().map(|decay| decay.atanh());
        let b = decay.iter().map(|decay| (1.0 - decay * decay).sqrt());
        self.segment(
            false,
            Rule::AdamW,
            a.chain(b).chain(std::iter::repeat_n(1.0, d)),
        )
    }
}
