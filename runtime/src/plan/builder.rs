use super::memory::{Unplaced, place};
use super::saved::{Kept, Saved};
use super::{
    Call, Content, DimValue, Image, KernelCall, Operand, Plan, Planned, Ports, Products, Row,
    Section, Source, Stage, Tensor, TopKCall,
};
use crate::LoadError;
use crate::format::Ternary;
use atome_codegen::KernelSpec;
use atome_spec::{Activation, Op, Packing, layout};

/// Most bytes for the logits of all rows of a block, unless those of one row are more.
const ROWS_LOGITS_BYTES: usize = 64 << 20;

/// Writes a plan down: tensors first come, first numbered; calls in order.
pub(super) struct PlanBuilder<'m> {
    pub(super) block: usize,
    rows_block: usize,
    pub(super) window: usize,
    pub(super) kept: Vec<Kept>,
    pub(super) unplaced: Vec<Unplaced>,
    pub(super) contents: Vec<(Tensor, Content<'m>)>,
    stages: Vec<Stage>,
    head: Vec<Stage>,
    rows_head: Vec<Stage>,
    each_token: Option<Vec<Call>>,
    pub(super) products: Products,
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
    pub(super) fn new(block: usize, window: usize) -> PlanBuilder<'m> {
        PlanBuilder {
            block,
            rows_block: block,
            window,
            kept: Vec::new(),
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

    /// A ternary table, and its lookup for the tokens of a block.
    pub(super) fn embed(&mut self, w: &'m Ternary, ids: Operand, out: Operand) {
        // Packed rows are whole tiles: for fewer columns than a tile has words, floats are shorter.
        let narrow = 4 * w.cols < layout::TILE_BYTES;
        let (op, source, scale) = if narrow {
            (Op::LookupF32, Source::Scaled(w.into(), w.scale), None)
        } else {
            (Op::Embed, Source::Embedding(w.into()), Some(w.scale))
        };
        let table = self.shared(&w.name, Section::Weights, source.into());
        let [vocab, cols] = [w.rows, w.cols].map(|n| DimValue::Const(n as u64));
        let operands = [ids, table.whole(), out];
        let dims = [vocab, cols, DimValue::Tokens];
        self.kernel("embed", op, &dims, &operands, scale.as_slice());
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
        let logits = self.tensor("logits", Section::Logits, (1, classes));
        self.keep(logits, classes);
        let argmax = self.tensor("argmax", Section::Logits, (1, 1));
        self.keep(argmax, 1);
        let most = ROWS_LOGITS_BYTES / 4 / classes.max(1);
        self.rows_block = self.block.min(most.max(1));
        let shape = (self.rows_block, classes);
        let rows = self.rows_in(Section::Scratch, "logits.rows", shape);
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

    /// # Errors
    /// If a tensor, or a part of the arena, is larger than this machine can address.
    pub(super) fn finish(self, ports: Ports) -> Result<Planned<'m>, LoadError> {
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
        )?;
        let router_bytes = ports.router.map_or(0, |_| Ports::ROUTER_BYTES);
        let saved = Saved::new(&self.kept, &memory.tensors, self.window, router_bytes)?;
        let plan = Plan {
            block: self.block,
            rows_block: self.rows_block,
            window: self.window as u64,
            stages: self.stages,
            head: self.head,
            rows_head: self.rows_head,
            sessions,
            tensors: memory.tensors,
            sizes: memory.sizes,
            state_bytes: memory.state_bytes,
            saved,
            ports,
            image,
        };
        Ok((plan, self.contents))
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
