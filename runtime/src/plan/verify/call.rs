use super::{KernelCall, Plan, PlanFault, dims};
use crate::plan::{Operand, Row, TopKCall};
use atome_codegen::KernelSpec;
use atome_codegen::ir::Access;
use atome_codegen::op::{BufferDef, Content, Signature};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Range, RangeInclusive};

/// An operand, and what a call does with it.
#[derive(Clone, Debug)]
pub(super) struct Used {
    /// The buffer it is for.
    pub(super) name: Cow<'static, str>,
    /// Its tensor, by number.
    pub(super) tensor: usize,
    pub(super) access: Access,
    /// Whether it is read as it was before the call.
    pub(super) takes: bool,
    pub(super) content: Content,
    /// Bytes of the tensor from the first to the last that it touches, whatever the token.
    pub(super) bytes: Range<u64>,
    /// For numbers of rows: the fewest rows that the table has, and the most.
    pub(super) rows: RangeInclusive<u64>,
}

/// Checks calls of one plan, each op's signature made once.
pub(super) struct Checker<'p> {
    plan: &'p Plan,
    signatures: BTreeMap<KernelSpec, Signature>,
    /// The least and the greatest value of each dimension of the last call, and the greatest alone.
    values: Vec<RangeInclusive<u64>>,
    most: Vec<u64>,
    /// What it does with its operands.
    used: Vec<Used>,
}

impl<'p> Checker<'p> {
    pub(super) fn new(plan: &'p Plan) -> Checker<'p> {
        Checker {
            plan,
            signatures: BTreeMap::new(),
            values: Vec::new(),
            most: Vec::new(),
            used: Vec::new(),
        }
    }

    /// The operands of a call in blocks of up to `tokens` tokens.
    ///
    /// # Errors
    /// The first thing that does not fit its op's signature or its tensors.
    pub(super) fn check(&mut self, call: &KernelCall, tokens: u64) -> Result<&[Used], PlanFault> {
        let signature = match self.signatures.entry(call.open_spec()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let spec = new.key();
                spec.check()
                    .map_err(|cause| PlanFault::Kernel(cause.to_string()))?;
                let signature = spec.signature();
                new.insert(signature)
            }
        };
        count("operands", signature.buffers.len(), call.operands.len())?;
        count("scalars", signature.scalars.len(), call.scalars.len())?;
        let window = self.plan.window;
        dims::values(call, signature, (tokens, window), &mut self.values)?;
        self.most.clear();
        self.most
            .extend(self.values.iter().map(|values| *values.end()));
        self.used.clear();
        for (buffer, operand) in signature.buffers.iter().zip(&call.operands) {
            let len = buffer.len.eval(&self.most);
            self.used.push(Used {
                name: buffer.name.clone(),
                tensor: operand.tensor.0,
                access: buffer.access,
                takes: buffer.takes,
                content: buffer.content,
                bytes: bytes(self.plan, &buffer.name, operand, len, tokens)?,
                rows: rows(buffer, signature, &self.values),
            });
        }
        apart(self.plan, &self.used)?;
        Ok(&self.used)
    }

    /// The operands of a selection: numbers of cached positions, and their scores.
    pub(super) fn check_top_k(&mut self, call: &TopKCall) -> Result<&[Used], PlanFault> {
        let window = self.plan.window;
        let positions = Content::Rows("capacity");
        let kept = call.k.min(window);
        let operands = [
            ("scores", &call.scores, Access::In, Content::F32, window),
            ("chosen", &call.chosen, Access::Out, positions, kept),
            ("picked", &call.picked, Access::Out, Content::F32, kept),
        ];
        self.used.clear();
        for (name, operand, access, content, len) in operands {
            self.used.push(Used {
                name: name.into(),
                tensor: operand.tensor.0,
                access,
                takes: access == Access::In,
                content,
                bytes: bytes(self.plan, name, operand, Some(len), 1)?,
                rows: window..=window,
            });
        }
        apart(self.plan, &self.used)?;
        Ok(&self.used)
    }
}

fn count(what: &'static str, expected: usize, found: usize) -> Result<(), PlanFault> {
    if expected == found {
        return Ok(());
    }
    Err(PlanFault::Count {
        what,
        expected,
        found,
    })
}

/// The rows of the table whose numbers a buffer holds.
fn rows(
    buffer: &BufferDef,
    signature: &Signature,
    values: &[RangeInclusive<u64>],
) -> RangeInclusive<u64> {
    let Content::Rows(of) = buffer.content else {
        return 0..=0;
    };
    let at = signature.dims.iter().position(|dim| dim.name == of);
    at.map_or(0..=0, |i| values[i].clone())
}

/// The bytes of its tensor that an operand of `len` elements touches, in a block of up to `tokens` rows.
fn bytes(
    plan: &Plan,
    name: &str,
    operand: &Operand,
    len: Option<u64>,
    tokens: u64,
) -> Result<Range<u64>, PlanFault> {
    let whole = |bytes: usize| bytes.is_multiple_of(4);
    let tensor = plan.tensors.get(operand.tensor.0);
    let Some(tensor) = tensor.filter(|_| whole(operand.offset_bytes) && whole(operand.row_bytes))
    else {
        return Err(PlanFault::Misplaced {
            operand: name.to_owned().into(),
        });
    };
    let rows = match operand.row {
        Row::First => 0,
        Row::Token | Row::Last => tokens.saturating_sub(1),
    };
    let (start, row_bytes) = (operand.offset_bytes as u64, operand.row_bytes as u64);
    let end = || {
        let last = rows.checked_mul(row_bytes)?;
        let bytes = len?.checked_mul(4)?;
        start.checked_add(last)?.checked_add(bytes)
    };
    let (needs, has) = (end().unwrap_or(u64::MAX), tensor.bytes as u64);
    if needs <= has {
        return Ok(start..needs);
    }
    Err(PlanFault::Outside {
        operand: name.to_owned().into(),
        tensor: tensor.name.clone(),
        needs,
        has,
    })
}

/// What is written is nobody else's, and no operand besides.
fn apart(plan: &Plan, used: &[Used]) -> Result<(), PlanFault> {
    for (i, written) in used.iter().enumerate() {
        if written.access == Access::In {
            continue;
        }
        let tensor = &plan.tensors[written.tensor];
        if tensor.section.is_shared() {
            return Err(PlanFault::WritesShared {
                operand: written.name.clone(),
                tensor: tensor.name.clone(),
            });
        }
        let mut others = used.iter().enumerate().filter(|(j, _)| *j != i);
        if let Some((_, other)) = others.find(|(_, other)| meet(plan, written, other)) {
            return Err(PlanFault::Overlap {
                written: written.name.clone(),
                other: other.name.clone(),
            });
        }
    }
    Ok(())
}

/// Whether two operands share bytes.
fn meet(plan: &Plan, a: &Used, b: &Used) -> bool {
    let place = |used: &Used| {
        let tensor = &plan.tensors[used.tensor];
        let offset = tensor.offset as u64;
        let bytes = offset + used.bytes.start..offset + used.bytes.end;
        (tensor.section.base(), bytes)
    };
    let ((a_base, a), (b_base, b)) = (place(a), place(b));
    a_base == b_base && a.start < b.end && b.start < a.end
}
