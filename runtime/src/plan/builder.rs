use super::memory::{Unplaced, place};
use super::{
    Call, Content, DimValue, FloatSource, Image, KernelCall, Operand, Plan, Planned, Ports,
    Products, Row, Section, Stage, Tensor, TopKCall,
};
use crate::format::{Floats, Stored, Ternary, TritRows};
use atome_codegen::KernelSpec;
use atome_spec::{Activation, LANES, Op, Packing, layout};
use std::borrow::Cow;

/// Writes a plan down: tensors first come, first numbered; calls in order.
pub(super) struct PlanBuilder<'m> {
    block: usize,
    window: u64,
    unplaced: Vec<Unplaced>,
    contents: Vec<(Tensor, Content<'m>)>,
    stages: Vec<Stage>,
    head: Vec<Stage>,
    rows_head: Vec<Stage>,
    each_token: Option<Vec<Call>>,
    products: Products,
}

/// Rows of int8 activations, with their scales and sums.
pub(super) struct Quantized {
    width: usize,
    q: Operand,
    scale: Operand,
    sum: Operand,
}

/// The tensors that a head writes.
pub(super) struct Logits {
    pub logits: Tensor,
    pub argmax: Tensor,
    pub rows: Tensor,
}

impl<'m> PlanBuilder<'m> {
    pub(super) fn new(block: usize, window: u64) -> PlanBuilder<'m> {
        PlanBuilder {
            block,
            window,
            unplaced: Vec::new(),
            contents: Vec::new(),
            stages: Vec::new(),
            head: Vec::new(),
            rows_head: Vec::new(),
            each_token: None,
            products: Products::default(),
        }
    }

    /// Sets how products of int8 activations are formed.
    pub(super) fn with(self, products: Products) -> PlanBuilder<'m> {
        PlanBuilder { products, ..self }
    }

    fn tensor(&mut self, name: impl Into<String>, section: Section, bytes: usize) -> Tensor {
        self.unplaced.push(Unplaced {
            name: name.into(),
            section,
            bytes,
        });
        Tensor(self.unplaced.len() - 1)
    }

    /// A tensor that all sessions share.
    fn shared(&mut self, name: &str, section: Section, content: Content<'m>) -> Tensor {
        let tensor = self.tensor(name, section, content.bytes());
        self.contents.push((tensor, content));
        tensor
    }

    pub(super) fn matrix(&mut self, w: &'m dyn TritRows) -> Tensor {
        let content = Content::Matrix(w, Packing::Int2);
        self.shared(w.name(), Section::Weights, content)
    }

    /// A matrix for [`PlanBuilder::product_i8`].
    pub(super) fn matrix_i8(&mut self, w: &'m dyn TritRows) -> Tensor {
        let content = Content::Matrix(w, self.packing_i8());
        self.shared(w.name(), Section::Weights, content)
    }

    fn packing_i8(&self) -> Packing {
        self.products.packing.unwrap_or(Packing::Int2)
    }

    pub(super) fn embedding(&mut self, w: &'m dyn TritRows) -> Tensor {
        self.shared(w.name(), Section::Weights, Content::Embedding(w))
    }

    pub(super) fn taps(&mut self, w: &'m dyn TritRows) -> Tensor {
        self.shared(w.name(), Section::Weights, Content::Taps(w))
    }

    pub(super) fn constant(
        &mut self,
        name: impl AsRef<str>,
        values: impl Into<Cow<'m, [f32]>>,
    ) -> Tensor {
        let content = Content::F32(FloatSource::Values(values.into()));
        self.shared(name.as_ref(), Section::Constants, content)
    }

    /// A table of floats, which lies among the weights because it is as large.
    pub(super) fn table(&mut self, values: &'m dyn Floats) -> Tensor {
        let content = Content::F32(FloatSource::Tensor(values));
        self.shared(values.name(), Section::Weights, content)
    }

    /// A table of packed words.
    pub(super) fn words(&mut self, name: &str, words: &'m Stored) -> Tensor {
        self.shared(name, Section::Weights, Content::Words(words))
    }

    pub(super) fn state(&mut self, name: impl Into<String>, elems: usize) -> Tensor {
        self.tensor(name, Section::State, 4 * elems)
    }

    pub(super) fn logits(&mut self, name: &str, elems: usize) -> Tensor {
        self.tensor(name, Section::Logits, 4 * elems)
    }

    /// Scratch of `elems` elements, not one for each token.
    pub(super) fn scratch(&mut self, name: &str, elems: usize) -> Tensor {
        self.tensor(name, Section::Scratch, 4 * elems)
    }

    /// Scratch of `width` elements for each token of a block.
    pub(super) fn rows(&mut self, name: &str, width: usize) -> Operand {
        let tensor = self.tensor(name, Section::Scratch, 4 * self.block * width);
        Operand {
            tensor,
            row: Row::First,
            row_bytes: 4 * width,
            offset_bytes: 0,
        }
    }

    /// Like [`PlanBuilder::rows`], but readable after the plan has run.
    pub(super) fn output_rows(&mut self, name: &str, width: usize) -> Operand {
        let tensor = self.tensor(name, Section::Logits, 4 * self.block * width);
        Operand {
            tensor,
            row: Row::First,
            row_bytes: 4 * width,
            offset_bytes: 0,
        }
    }

    pub(super) fn kernel(
        &mut self,
        label: impl Into<String>,
        op: Op,
        dims: &[DimValue],
        operands: &[Operand],
        scalars: &[f32],
    ) {
        let packing = op.is_ternary().then_some(Packing::Int2);
        let (dims, operands) = (dims.to_vec(), operands.to_vec());
        let scalars = scalars.to_vec();
        let label = label.into();
        let call = KernelCall {
            label,
            op,
            packing,
            activation: Activation::F32,
            method: None,
            dims,
            operands,
            scalars,
        };
        self.push(Call::Kernel(call));
    }

    /// `out[t, ..rows] = scale * w x[t]` for every token.
    pub(super) fn linear(&mut self, w: &'m Ternary, x: Operand, out: Operand) {
        let tensor = self.matrix(w);
        self.product(w, tensor, x, out);
    }

    /// [`PlanBuilder::linear`] with a matrix that has its tensor already.
    pub(super) fn product(&mut self, w: &'m Ternary, tensor: Tensor, x: Operand, out: Operand) {
        let (rows, cols) = (
            DimValue::Const(w.rows as u64),
            DimValue::Const(w.cols as u64),
        );
        let dims = [rows, cols, DimValue::Tokens, rows];
        self.kernel(
            &w.name,
            Op::Gemm,
            &dims,
            &[tensor.whole(), x, out],
            &[w.scale],
        );
    }

    /// Scratch for int8 activations of `width` columns.
    pub(super) fn quantized(&mut self, name: &str, width: usize) -> Quantized {
        Quantized {
            width,
            q: self.rows(&format!("{name}.q"), layout::q_words(width)),
            scale: self.rows(&format!("{name}.scale"), 1),
            sum: self.rows(&format!("{name}.sum"), 1),
        }
    }

    /// Normalises rows, scales them by the gain and rounds them to int8.
    pub(super) fn rms_quantize(
        &mut self,
        label: impl Into<String>,
        [x, gamma]: [Operand; 2],
        eps: f32,
        to: &Quantized,
    ) {
        let dims = [DimValue::Const(to.width as u64), DimValue::Tokens];
        let operands = [x, gamma, to.q, to.scale, to.sum];
        self.kernel(label, Op::RmsQuantize, &dims, &operands, &[eps]);
    }

    /// `out[t, ..rows] = scale * w x[t]` for every token, from int8 activations.
    pub(super) fn product_i8(
        &mut self,
        label: &str,
        ((rows, cols), scale): ((usize, usize), f32),
        w: Tensor,
        x: &Quantized,
        out: Operand,
    ) {
        let [rows, cols] = [rows, cols].map(|n| DimValue::Const(n as u64));
        let spec = KernelSpec::new(Op::Gemm).activation(Activation::I8);
        let method = match self.products.no_multiply {
            true => spec.without_multiply().method,
            false => spec.method,
        };
        self.push(Call::Kernel(KernelCall {
            label: label.to_owned(),
            op: Op::Gemm,
            packing: Some(self.packing_i8()),
            activation: Activation::I8,
            method,
            dims: vec![rows, cols, DimValue::Tokens, rows],
            operands: vec![w.whole(), x.q, x.scale, x.sum, out],
            scalars: vec![scale],
        }));
    }

    pub(super) fn top_k(&mut self, call: TopKCall) {
        self.push(Call::TopK(call));
    }

    fn push(&mut self, call: Call) {
        match &mut self.each_token {
            Some(calls) => calls.push(call),
            None => self.stages.push(Stage::Block(call)),
        }
    }

    /// Calls that `body` adds are run token by token.
    pub(super) fn each_token(&mut self, body: impl FnOnce(&mut PlanBuilder<'m>)) {
        self.each_token = Some(Vec::new());
        body(self);
        let calls = self.each_token.take().unwrap_or_default();
        self.stages.push(Stage::EachToken(calls));
    }

    /// Calls that `body` adds give the logits of each row of its first argument, the residual
    /// stream, in its second: once for the last token of a block, once for all of its rows. The
    /// argmax of the logits follows.
    pub(super) fn head(
        &mut self,
        x: Operand,
        classes: usize,
        body: impl Fn(&mut PlanBuilder<'m>, Operand, Operand),
    ) -> Logits {
        let logits = self.logits("logits", classes);
        let argmax = self.logits("argmax", 1);
        let rows = self.rows("logits.rows", classes);
        let stages = std::mem::take(&mut self.stages);
        let pick = |b: &mut PlanBuilder<'m>, logits: Operand| {
            let dims = [DimValue::Const(classes as u64)];
            b.kernel("argmax", Op::Argmax, &dims, &[logits, argmax.whole()], &[]);
        };

        body(self, x.last(), logits.whole());
        pick(self, logits.whole());
        let head = std::mem::take(&mut self.stages);
        let one_token = |stage: &Stage| stage.map(KernelCall::bind_one_token);
        self.head = head.iter().map(one_token).collect();

        body(self, x, rows);
        self.each_token(|b| pick(b, rows.token()));
        self.rows_head = std::mem::replace(&mut self.stages, stages);
        Logits {
            logits,
            argmax,
            rows: rows.tensor,
        }
    }

    pub(super) fn finish(self, ports: Ports) -> Planned<'m> {
        let is_state = |tensor: Tensor| {
            let section = self.unplaced[tensor.0].section;
            matches!(section, Section::State | Section::Logits)
        };
        let sessions = self.stages.iter().map(|s| s.for_sessions(is_state));
        let sessions = sessions.collect();
        let is_weight = |tensor: Tensor| self.unplaced[tensor.0].section == Section::Weights;
        let weights = self.contents.iter().filter(|(t, _)| is_weight(*t));
        let (image, offsets) = Image::of(weights).unzip();
        let memory = place(
            self.unplaced,
            &offsets.unwrap_or_default(),
            &self.stages,
            &self.head,
            &self.rows_head,
        );
        let plan = Plan {
            block: self.block,
            window: self.window,
            stages: self.stages,
            head: self.head,
            rows_head: self.rows_head,
            sessions,
            tensors: memory.tensors,
            sizes: memory.sizes,
            state_bytes: memory.state_bytes,
            ports,
            image,
        };
        (plan, self.contents)
    }
}

impl Tensor {
    /// The tensor from its start.
    pub(super) fn whole(self) -> Operand {
        Operand {
            tensor: self,
            row: Row::First,
            row_bytes: 0,
            offset_bytes: 0,
        }
    }
}

impl Operand {
    /// The operand from an element of its rows on.
    pub(super) fn from(self, elem: usize) -> Operand {
        Operand {
            offset_bytes: self.offset_bytes + 4 * elem,
            ..self
        }
    }

    /// The row of the token at hand.
    pub(super) fn token(self) -> Operand {
        Operand {
            row: Row::Token,
            ..self
        }
    }

    /// The row of the last token.
    pub(super) fn last(self) -> Operand {
        Operand {
            row: Row::Last,
            ..self
        }
    }
}

/// Positions for which the cache has room: the window, rounded up to whole vectors.
pub(super) fn cache_capacity(window: u64) -> u64 {
    window.next_multiple_of(LANES as u64)
}
