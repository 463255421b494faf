use super::memory::{Unplaced, place};
use super::{
    Call, Content, DimValue, KernelCall, Operand, Plan, Ports, Row, Section, Stage, Tensor,
    TopKCall,
};
use crate::format::Ternary;
use atome_spec::{LANES, Op, Packing, layout};
use std::borrow::Cow;

/// Writes a plan down: tensors first come, first numbered; calls in order.
pub(super) struct PlanBuilder<'m> {
    block: usize,
    window: u64,
    unplaced: Vec<Unplaced>,
    contents: Vec<(Tensor, Content<'m>)>,
    stages: Vec<Stage>,
    head: Vec<KernelCall>,
    each_token: Option<Vec<Call>>,
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
            each_token: None,
        }
    }

    fn tensor(&mut self, name: impl Into<String>, section: Section, bytes: usize) -> Tensor {
        self.unplaced.push(Unplaced {
            name: name.into(),
            section,
            bytes,
        });
        Tensor(self.unplaced.len() - 1)
    }

    fn shared(&mut self, name: &str, bytes: usize, content: Content<'m>) -> Tensor {
        let section = match content {
            Content::F32(_) => Section::Constants,
            _ => Section::Weights,
        };
        let tensor = self.tensor(name, section, bytes);
        self.contents.push((tensor, content));
        tensor
    }

    pub(super) fn matrix(&mut self, w: &'m Ternary) -> Tensor {
        let bytes = 4 * layout::gemv_words(Packing::Int2, w.rows, w.cols);
        self.shared(&w.name, bytes, Content::Matrix(w))
    }

    pub(super) fn embedding(&mut self, w: &'m Ternary) -> Tensor {
        let bytes = w.rows * layout::embed_row_bytes(Packing::Int2, w.cols);
        self.shared(&w.name, bytes, Content::Embedding(w))
    }

    pub(super) fn taps(&mut self, w: &'m Ternary) -> Tensor {
        let bytes = 4 * layout::conv_words(w.rows, w.cols);
        self.shared(&w.name, bytes, Content::Taps(w))
    }

    pub(super) fn constant(
        &mut self,
        name: impl AsRef<str>,
        values: impl Into<Cow<'m, [f32]>>,
    ) -> Tensor {
        let values = values.into();
        self.shared(name.as_ref(), 4 * values.len(), Content::F32(values))
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
        }
    }

    /// Like [`PlanBuilder::rows`], but readable after the plan has run.
    pub(super) fn output_rows(&mut self, name: &str, width: usize) -> Operand {
        let tensor = self.tensor(name, Section::Logits, 4 * self.block * width);
        Operand {
            tensor,
            row: Row::First,
            row_bytes: 4 * width,
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
            dims,
            operands,
            scalars,
        };
        self.push(Call::Kernel(call));
    }

    /// `out[t, ..rows] = scale * w x[t]` for every token.
    pub(super) fn linear(&mut self, w: &'m Ternary, x: Operand, out: Operand) {
        let tensor = self.matrix(w);
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

    /// Calls that `body` adds give the logits of the last token.
    pub(super) fn head(&mut self, body: impl FnOnce(&mut PlanBuilder<'m>)) {
        let body_stages = std::mem::take(&mut self.stages);
        body(self);
        let head = std::mem::replace(&mut self.stages, body_stages);
        self.head = head
            .iter()
            .flat_map(Stage::calls)
            .filter_map(|call| match call {
                Call::Kernel(kernel) => Some(kernel.bind_one_token()),
                Call::TopK(_) => None,
            })
            .collect();
    }

    pub(super) fn finish(self, ports: Ports) -> (Plan, Vec<(Tensor, Content<'m>)>) {
        let memory = place(self.unplaced, &self.stages, &self.head);
        let plan = Plan {
            block: self.block,
            window: self.window,
            stages: self.stages,
            head: self.head,
            tensors: memory.tensors,
            model_bytes: memory.model_bytes,
            slot_bytes: memory.slot_bytes,
            state_bytes: memory.state_bytes,
            ports,
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
        }
    }
}

impl Operand {
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
