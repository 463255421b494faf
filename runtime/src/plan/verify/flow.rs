use super::call::{Checker, Used};
use super::{Content as Filled, Entry, Plan, PlanError, PlanFault, Stage, Tensor};
use crate::plan::{Call, Section, Source};
use crate::tensor::EmbeddingType;
use atome_codegen::ir::Access;
use atome_codegen::op::Content;
use atome_spec::{CacheType, Packing};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

/// What every tensor holds between two calls.
#[derive(Clone)]
pub(super) struct Flow<'p> {
    plan: &'p Plan,
    held: Vec<Held>,
    /// By tensor, the scratch tensors that share bytes with it.
    sharing: Rc<Vec<Vec<usize>>>,
}

/// What a tensor holds, in which of its bytes.
#[derive(Clone, Debug)]
struct Held {
    what: What,
    bytes: Range<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Nothing,
    Elements(Content),
    /// Rows of f16 or int8, as a file has them.
    Words,
    /// Whole numbers below this one.
    Below(u64),
}

impl<'p> Flow<'p> {
    /// Before the first call: parameters, states and token ids are there.
    pub(super) fn new(plan: &'p Plan, contents: &[(Tensor, Filled<'_>)], vocab: u64) -> Flow<'p> {
        let held = plan.tensors.iter().map(|tensor| {
            let (what, end) = match tensor.section {
                Section::State => {
                    let content = match plan.saved.cache_type(tensor.offset) {
                        CacheType::F32 => Content::F32,
                        CacheType::F16 => Content::F16,
                    };
                    (What::Elements(content), tensor.bytes as u64)
                }
                _ => (What::Nothing, 0),
            };
            Held {
                what,
                bytes: 0..end,
            }
        });
        let mut held: Vec<Held> = held.collect();
        let ids = (plan.ports.ids, What::Below(vocab));
        let angles = plan.ports.angles;
        let angles = angles.map(|a| (a.tensor, What::Elements(Content::F32)));
        let filled = contents.iter().map(|(tensor, c)| (*tensor, filled(c)));
        for (tensor, what) in filled.chain([ids]).chain(angles) {
            let bytes = 0..plan.tensor(tensor).bytes as u64;
            held[tensor.0] = Held { what, bytes };
        }
        let sharing = Rc::new(sharing(plan));
        Flow {
            plan,
            held,
            sharing,
        }
    }

    /// After all calls of an entry, in blocks of up to `tokens` rows.
    pub(super) fn run(
        mut self,
        calls: &mut Checker<'_>,
        entry: Entry,
        tokens: u64,
    ) -> Result<Flow<'p>, PlanError> {
        for call in self.plan.stages(entry).iter().flat_map(Stage::calls) {
            let (label, used) = match call {
                Call::Kernel(call) => (&*call.label, calls.check(call, tokens)),
                Call::TopK(call) => ("top_k", calls.check_top_k(call)),
            };
            let done = used.and_then(|used| self.call(used));
            done.map_err(|fault| PlanError::of(entry.name(), label, fault))?;
        }
        Ok(self)
    }

    fn call(&mut self, used: &[Used]) -> Result<(), PlanFault> {
        used.iter().try_for_each(|used| self.read(used))?;
        used.iter().for_each(|used| self.write(used));
        Ok(())
    }

    fn read(&self, used: &Used) -> Result<(), PlanFault> {
        let Held { what, bytes } = &self.held[used.tensor];
        let is_there = match (what, used.content) {
            (What::Elements(held), wanted) => *held == wanted,
            (What::Words, wanted) => matches!(wanted, Content::F16 | Content::I8),
            (What::Below(n), Content::Rows(_)) => n <= used.rows.start(),
            _ => false,
        };
        let is_all = bytes.start <= used.bytes.start && used.bytes.end <= bytes.end;
        if !used.takes || used.bytes.is_empty() || is_there && is_all {
            return Ok(());
        }
        let expected = match used.content {
            Content::Rows(_) => What::Below(*used.rows.start()),
            content => What::Elements(content),
        };
        Err(PlanFault::Holds {
            operand: used.name.clone(),
            tensor: self.plan.tensors[used.tensor].name.clone(),
            expected: Held {
                what: expected,
                bytes: used.bytes.clone(),
            }
            .to_string(),
            found: self.held[used.tensor].to_string(),
        })
    }

    fn write(&mut self, used: &Used) {
        if used.access == Access::In || used.bytes.is_empty() {
            return;
        }
        for &other in &self.sharing[used.tensor] {
            self.held[other] = Held {
                what: What::Nothing,
                bytes: 0..0,
            };
        }
        let what = match used.content {
            Content::Rows(_) => What::Below(*used.rows.end()),
            content => What::Elements(content),
        };
        let held = &mut self.held[used.tensor];
        let (old, new) = (&held.bytes, &used.bytes);
        let touch = held.what == what && new.start <= old.end && old.start <= new.end;
        held.bytes = match touch {
            true => new.start.min(old.start)..new.end.max(old.end),
            false => new.clone(),
        };
        held.what = what;
    }

    /// What a session reads of a block beside the logits.
    pub(super) fn check_output(&self) -> Result<(), PlanError> {
        let output = self.plan.ports.output;
        output.map_or(Ok(()), |(tensor, _)| self.answer(tensor, Content::F32))
    }

    /// The logits of a block's last token, and the greatest one.
    pub(super) fn check_answer(&self) -> Result<(), PlanError> {
        self.answer(self.plan.ports.logits, Content::F32)?;
        self.answer(self.plan.ports.argmax, Content::I32)
    }

    /// The logits of every token of a block.
    pub(super) fn check_rows(&self) -> Result<(), PlanError> {
        self.answer(self.plan.ports.logits_rows, Content::F32)?;
        self.answer(self.plan.ports.argmax, Content::I32)
    }

    /// A tensor is whole when a session reads it.
    fn answer(&self, tensor: Tensor, content: Content) -> Result<(), PlanError> {
        let info = self.plan.tensor(tensor);
        let read = self.read(&Used {
            name: "session".into(),
            tensor: tensor.0,
            access: Access::In,
            takes: true,
            content,
            bytes: 0..info.bytes as u64,
            rows: 0..=0,
        });
        read.map_err(|fault| PlanError::of("answer", &info.name, fault))
    }
}

/// What fills a parameter.
fn filled(content: &Filled<'_>) -> What {
    match &content.source {
        Source::Matrix(_, packing) => What::Elements(Content::Matrix(*packing)),
        Source::Embedding(_, packing) => What::Elements(Content::Table(*packing)),
        Source::Taps(_) => What::Elements(Content::Taps(Packing::Int2)),
        Source::Rows(_, table) if table.element_type() != EmbeddingType::F32 => What::Words,
        Source::Scaled(..) | Source::Values(_) | Source::Scales(_) | Source::Rows(..) => {
            What::Elements(Content::F32)
        }
    }
}

fn sharing(plan: &Plan) -> Vec<Vec<usize>> {
    let place = |i: usize| {
        let tensor = &plan.tensors[i];
        tensor.offset..tensor.offset + tensor.bytes
    };
    let scratch: Vec<usize> = (0..plan.tensors.len())
        .filter(|&i| plan.tensors[i].section == Section::Scratch)
        .collect();
    let mut sharing = vec![Vec::new(); plan.tensors.len()];
    for &i in &scratch {
        let meets =
            |j: usize| i != j && place(i).start < place(j).end && place(j).start < place(i).end;
        sharing[i] = scratch.iter().copied().filter(|&j| meets(j)).collect();
    }
    sharing
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.bytes;
        match self.what {
            What::Nothing => f.write_str("nothing"),
            What::Elements(content) => write!(f, "{content:?} in bytes {start}..{end}"),
            What::Words => write!(f, "f16 or int8 rows in bytes {start}..{end}"),
            What::Below(n) => write!(f, "numbers below {n} in bytes {start}..{end}"),
        }
    }
}
