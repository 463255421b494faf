//! The Atome family in f64.

use atome::checkpoint::Checkpoint;
use atome::tensor::Ternary;

const NORM_EPS: f64 = 1e-5;
const SOFTMAX_EPS: f64 = 1e-10;

/// The logits after the last of `tokens`, which are no more than attention keeps. Every term of a sum is off by up to
/// `noise.0` of itself, by chance from a seed: what that changes, no arithmetic of such roundings can tell.
///
/// # Panics
/// If there are no tokens, or one is not in the vocabulary.
pub fn atome_logits(model: &Checkpoint, tokens: &[u32], noise: (f64, u64)) -> Vec<f64> {
    let (size, state) = noise;
    let mut noise = Noise { state, size };
    let noise = &mut noise;
    let ternary = |name: &str| model.ternary(name).expect("a matrix of the model");
    let embed = ternary("embed");
    let row = |id: &u32| wide(embed.row(*id as usize), embed.scale);
    let mut x: Vec<Vec<f64>> = tokens.iter().map(row).collect();
    let config = model.config().as_atome().expect("an Atome model");
    for i in 0..config.n_layers {
        apply(&Block::new(model, i), &mut x, noise);
    }
    let last = x.last().expect("a token");
    let floats = |name: &str| model.floats(name).expect("a vector of the model");
    let normal = norm(last, &floats("norm.gamma"), &floats("norm.beta"), noise);
    let head = model.classes().map_or("unembed", |_| "head");
    product(&ternary(head), &normal, noise)
}

/// The tensors of a block.
struct Block {
    norm_gamma: Vec<f32>,
    norm_beta: Vec<f32>,
    conv: Ternary,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
    wq: Ternary,
    wk: Ternary,
    wv: Ternary,
    router: Ternary,
}

impl Block {
    fn new(model: &Checkpoint, i: usize) -> Block {
        let name = |part| format!("blocks.{i}.{part}");
        let ternary = |part| model.ternary(&name(part)).expect("a matrix of the block");
        let floats = |part| model.floats(&name(part)).expect("a vector of the block");
        Block {
            norm_gamma: floats("norm.gamma"),
            norm_beta: floats("norm.beta"),
            conv: ternary("conv"),
            a: floats("a"),
            b: floats("b"),
            c: floats("c"),
            wq: ternary("wq"),
            wk: ternary("wk"),
            wv: ternary("wv"),
            router: ternary("router"),
        }
    }
}

/// Pseudorandom roundings.
struct Noise {
    state: u64,
    size: f64,
}

impl Noise {
    /// The number, off by a part of itself.
    fn round(&mut self, x: f64) -> f64 {
        let step = self.state.wrapping_mul(6_364_136_223_846_793_005);
        self.state = step.wrapping_add(1_442_695_040_888_963_407);
        let unit = (self.state >> 40) as f64 / (1u64 << 23) as f64 - 1.0;
        x * (1.0 + self.size * unit)
    }

    fn dot(&mut self, x: &[f64], y: &[f64]) -> f64 {
        x.iter().zip(y).map(|(x, y)| self.round(x * y)).sum()
    }
}

fn wide(trits: &[i8], scale: f32) -> Vec<f64> {
    trits
        .iter()
        .map(|w| f64::from(*w) * f64::from(scale))
        .collect()
}

fn norm(x: &[f64], gamma: &[f32], beta: &[f32], noise: &mut Noise) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().map(|x| noise.round(*x)).sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let root = (variance + NORM_EPS).sqrt();
    let affine = gamma
        .iter()
        .zip(beta)
        .map(|(g, b)| (f64::from(*g), f64::from(*b)));
    let affine = x
        .iter()
        .zip(affine)
        .map(|(x, (g, b))| noise.round(g * (x - mean) / root) + b);
    affine.collect()
}

fn product(w: &Ternary, x: &[f64], noise: &mut Noise) -> Vec<f64> {
    let row = |r| f64::from(w.scale) * noise.dot(&wide(w.row(r), 1.0), x);
    (0..w.rows).map(row).collect()
}

fn softmax(x: &[f64]) -> Vec<f64> {
    let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = x.iter().map(|x| (x - greatest).exp()).collect();
    let total = e.iter().sum::<f64>() + SOFTMAX_EPS;
    e.iter().map(|e| e / total).collect()
}

/// Adds what a block makes of each token.
fn apply(block: &Block, x: &mut [Vec<f64>], noise: &mut Noise) {
    let normals: Vec<Vec<f64>> = x
        .iter()
        .map(|x| norm(x, &block.norm_gamma, &block.norm_beta, noise))
        .collect();
    let keys: Vec<Vec<f64>> = normals
        .iter()
        .map(|n| product(&block.wk, n, noise))
        .collect();
    let values: Vec<Vec<f64>> = normals
        .iter()
        .map(|n| product(&block.wv, n, noise))
        .collect();
    let mut state = vec![0.0; block.a.len()];
    for (t, x) in x.iter_mut().enumerate() {
        let query = product(&block.wq, &normals[t], noise);
        let root = (query.len() as f64).sqrt();
        let scores: Vec<f64> = keys[..=t]
            .iter()
            .map(|k| noise.dot(k, &query) / root)
            .collect();
        let shares = softmax(&scores);
        let route = softmax(&product(&block.router, &normals[t], noise));
        for (i, x) in x.iter_mut().enumerate() {
            let taps = block.conv.row(i).iter().zip(normals[..=t].iter().rev());
            let local: f64 = taps.map(|(w, n)| noise.round(f64::from(*w) * n[i])).sum();
            let local = local * f64::from(block.conv.scale);
            let kept = f64::from(block.a[i]).tanh() * state[i];
            state[i] = kept + f64::from(block.b[i]) * normals[t][i];
            let recurrent = f64::from(block.c[i]) * state[i];
            let sparse: f64 = shares
                .iter()
                .zip(&values)
                .map(|(p, v)| noise.round(p * v[i]))
                .sum();
            *x += route[0] * local + route[1] * recurrent + route[2] * sparse;
        }
    }
}
