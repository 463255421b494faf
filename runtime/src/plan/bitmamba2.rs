//! The BitMamba-2 family: embedding; layers of RMS norm, ternary projection of int8 activations,
//! convolution, recurrence and gate, RMS norm, ternary projection, residual; two norms and the
//! ternary head.

use super::builder::{PlanBuilder, Quantized};
use super::{DimValue, Operand, Planned, Ports, Products, Tensor, Trits};
use crate::LoadError;
use crate::format::{
    BitMamba2Config, BitMamba2Layer, BitMamba2Model, Elements, FloatTensor, TernaryTensor,
    check_finite,
};
use DimValue::{Const, Tokens};
use atome_spec::{Op, layout};

/// Added to the mean square of an RMS norm.
const NORM_EPS: f32 = 1e-6;

/// Scratch that every layer uses in turn.
struct Shared {
    x: Operand,
    /// Of `d_model`.
    narrow: Quantized,
    /// Gate, input, B, C and dt.
    projected: Operand,
    mixed: Operand,
    step: Operand,
    decay: Operand,
    y: Operand,
    /// Of `d_inner`.
    wide: Quantized,
    added: Operand,
}

/// The plan for blocks of up to `block` tokens, and what fills its weights and constants. The model has been checked;
/// shapes are taken from its config, not from its tensors once more.
///
/// # Errors
/// If the small parameters cannot be read, or a tensor is larger than this machine can address.
pub(crate) fn plan_bitmamba2(
    model: &BitMamba2Model,
    block: usize,
    products: Products,
) -> Result<Planned<'_>, LoadError> {
    let config = &model.config;
    let packing = products.packing.or_else(|| model.packing());
    let products = Products {
        packing,
        ..products
    };
    // No attention, so any window will do.
    let mut b = PlanBuilder::new(block, 1).with(products);
    let ids = b.rows("ids", 1);
    let shared = Shared::new(&mut b, config);
    embed(&mut b, model, ids, shared.x)?;
    for (i, layer) in model.layers.iter().enumerate() {
        let adding = Layer {
            b: &mut b,
            s: &shared,
            config,
            name: format!("layers.{i}"),
        };
        adding.add(layer)?;
    }
    let norms = [
        constant(&mut b, &model.norm_f, config.d_model)?,
        constant(&mut b, &model.head_norm, config.d_model)?,
    ];
    let matrix = Matrix::new(&mut b, &model.head, config.vocab_size, config.d_model)?;
    let last = b.rows("normal.last", config.d_model);
    let head = b.head(shared.x, config.vocab_size, |b, x, logits| {
        let dims = [Const(config.d_model as u64), Tokens];
        let operands = [x, norms[0].whole(), last];
        b.kernel("norm_f", Op::RmsNorm, &dims, &operands, &[NORM_EPS]);
        let operands = [last, norms[1].whole()];
        b.rms_quantize("lm_head.norm", operands, NORM_EPS, &shared.narrow);
        matrix.project(b, &shared.narrow, logits);
    });
    b.finish(Ports {
        ids: ids.tensor,
        logits: head.logits,
        logits_rows: head.rows,
        argmax: head.argmax,
        router: None,
    })
}

impl Shared {
    fn new(b: &mut PlanBuilder<'_>, config: &BitMamba2Config) -> Shared {
        let (d_model, d_inner, heads) = (config.d_model, config.d_inner(), config.n_heads);
        Shared {
            x: b.rows("x", d_model),
            narrow: b.quantized("narrow", d_model),
            projected: b.rows("projected", config.in_proj_rows()),
            mixed: b.rows("mixed", d_inner),
            step: b.rows("step", heads),
            decay: b.rows("decay", heads),
            y: b.rows("y", d_inner),
            wide: b.quantized("wide", d_inner),
            added: b.rows("added", d_model),
        }
    }
}

/// Looks up the rows of the tokens.
fn embed<'m>(
    b: &mut PlanBuilder<'m>,
    model: &'m BitMamba2Model,
    ids: Operand,
    out: Operand,
) -> Result<(), LoadError> {
    let name = "embed";
    let (vocab, d_model) = (model.config.vocab_size, model.config.d_model);
    let elems = |row: usize| vocab.saturating_mul(row);
    let (op, tables) = match model.embed.elements() {
        Elements::F32(rows) => (Op::LookupF32, vec![b.table(&**rows, elems(d_model))?]),
        Elements::F16(rows) => {
            let words = elems(layout::f16_row_words(d_model));
            (Op::LookupF16, vec![b.words(name, rows, words)?])
        }
        Elements::Int8(rows, scales) => {
            let words = elems(layout::i8_row_words(d_model));
            let rows = b.words(name, rows, words)?;
            (Op::LookupI8, vec![rows, constant(b, scales, vocab)?])
        }
    };
    let dims = [Const(vocab as u64), Const(d_model as u64), Tokens];
    let tables = tables.into_iter().map(Tensor::whole);
    let operands: Vec<Operand> = [ids].into_iter().chain(tables).chain([out]).collect();
    b.kernel(name, op, &dims, &operands, &[]);
    Ok(())
}

/// One layer, being added.
struct Layer<'b, 'm> {
    b: &'b mut PlanBuilder<'m>,
    s: &'b Shared,
    config: &'m BitMamba2Config,
    name: String,
}

impl<'m> Layer<'_, 'm> {
    fn add(mut self, layer: &'m BitMamba2Layer) -> Result<(), LoadError> {
        let (s, config) = (self.s, self.config);
        let (d_model, d_inner) = (config.d_model, config.d_inner());
        let gamma = constant(self.b, &layer.in_norm, d_model)?.whole();
        let label = self.label("in_norm");
        self.b
            .rms_quantize(label, [s.x, gamma], NORM_EPS, &s.narrow);
        let matrix = Matrix::new(self.b, &layer.in_proj, config.in_proj_rows(), d_model)?;
        matrix.project(self.b, &s.narrow, s.projected);

        self.convolution(layer)?;
        self.scan(layer)?;

        let gamma = constant(self.b, &layer.out_norm, d_inner)?.whole();
        let label = self.label("out_norm");
        self.b.rms_quantize(label, [s.y, gamma], NORM_EPS, &s.wide);
        let matrix = Matrix::new(self.b, &layer.out_proj, d_model, d_inner)?;
        matrix.project(self.b, &s.wide, s.added);
        let dims = [Const(d_model as u64), Tokens];
        let label = self.label("residual");
        self.b.kernel(label, Op::Add, &dims, &[s.added, s.x], &[]);
        Ok(())
    }

    fn label(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }

    fn convolution(&mut self, layer: &'m BitMamba2Layer) -> Result<(), LoadError> {
        let (channels, taps) = (self.config.d_inner(), self.config.d_conv());
        let stored = read(&layer.conv_weight, channels * taps)?;
        // Stored a channel after the other, the oldest tap first; wanted a tap after the other,
        // the newest first.
        let places = (0..taps).flat_map(|k| (0..channels).map(move |c| c * taps + taps - 1 - k));
        let weights: Vec<f32> = places.map(|i| stored[i]).collect();
        let w = self.b.constant(layer.conv_weight.name(), weights).whole();
        let bias = constant(self.b, &layer.conv_bias, channels)?.whole();
        let past = self.label("conv.history");
        let history = self.b.state(past, (taps - 1) * channels).whole();
        let stride = self.config.in_proj_rows() as u64;
        let dims = [
            Const(channels as u64),
            Const(taps as u64),
            Tokens,
            Const(stride),
        ];
        let u = self.s.projected.from(self.config.d_inner());
        let operands = [w, bias, u, history, self.s.mixed];
        let label = self.label("conv");
        self.b.kernel(label, Op::ConvSilu, &dims, &operands, &[]);
        Ok(())
    }

    fn scan(&mut self, layer: &'m BitMamba2Layer) -> Result<(), LoadError> {
        let (s, c) = (self.s, self.config);
        let (heads, d_state, d_inner) = (c.n_heads, c.d_state(), c.d_inner());
        let stride = Const(c.in_proj_rows() as u64);
        let [input, output, dt] = [0, 1, 2].map(|i| {
            let first = 2 * d_inner + i * heads * d_state;
            s.projected.from(first)
        });

        let bias = constant(self.b, &layer.dt_bias, heads)?.whole();
        let a_log = constant(self.b, &layer.a_log, heads)?.whole();
        let dims = [Const(heads as u64), Tokens, stride];
        let operands = [dt, bias, a_log, s.step, s.decay];
        let label = self.label("discretize");
        self.b.kernel(label, Op::Discretize, &dims, &operands, &[]);

        let d = constant(self.b, &layer.d, d_inner)?.whole();
        let label = self.label("ssm.h");
        let state = self.b.state(label, d_inner * d_state).whole();
        let dims = [heads, c.head_dim(), d_state].map(|n| Const(n as u64));
        let dims = [&dims[..], &[Tokens, stride]].concat();
        let operands = [
            s.mixed,
            s.step,
            s.decay,
            input,
            output,
            s.projected,
            d,
            state,
            s.y,
        ];
        let label = self.label("ssm");
        self.b
            .kernel(label, Op::SelectiveScan, &dims, &operands, &[]);
        Ok(())
    }
}

/// A small parameter of so many elements, read now.
fn constant(
    b: &mut PlanBuilder<'_>,
    tensor: &FloatTensor,
    elems: usize,
) -> Result<Tensor, LoadError> {
    let values = read(tensor, elems)?;
    Ok(b.constant(tensor.name(), values))
}

fn read(tensor: &FloatTensor, elems: usize) -> Result<Vec<f32>, LoadError> {
    let mut values = vec![0.0; elems];
    tensor.read(0, &mut values)?;
    check_finite(tensor.name(), 0, &values)?;
    Ok(values)
}

/// A projection that has its tensor.
struct Matrix<'m> {
    name: &'m str,
    shape: (usize, usize),
    scale: f32,
    tensor: Tensor,
}

impl<'m> Matrix<'m> {
    fn new(
        b: &mut PlanBuilder<'m>,
        w: &'m TernaryTensor,
        rows: usize,
        cols: usize,
    ) -> Result<Matrix<'m>, LoadError> {
        let source = &*w.rows;
        let trits = Trits { source, rows, cols };
        Ok(Matrix {
            name: source.name(),
            shape: (rows, cols),
            scale: w.scale,
            tensor: b.matrix_i8(trits)?,
        })
    }

    /// `out[t] = w x[t]` for every token.
    fn project(&self, b: &mut PlanBuilder<'_>, x: &Quantized, out: Operand) {
        b.product_i8(self.name, (self.shape, self.scale), self.tensor, x, out);
    }
}
