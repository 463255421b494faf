//! An expression as a list of elementwise ops, equal ones once, and what is stored of their results.

use super::{Body, ExprError, ExprFault, MAX_OPERANDS, MAX_STEPS, Node, Number};
use super::{Operand, OperandKind};
use atome_spec::Op;
use std::collections::BTreeMap;

/// Elementwise ops in order, each over results of those before it, and then stores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain {
    /// The ops.
    pub steps: Vec<Step>,
    /// What is stored, each operand at most once.
    pub stores: Vec<Store>,
}

/// One elementwise op.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// An elementwise op.
    pub op: Op,
    /// As many as the op takes.
    pub sources: Vec<Source>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A constant.
    Number(Number),
    /// An operand, as it was before this token.
    Operand(usize),
    /// The result of a step before.
    Step(usize),
}

/// The result of a step that becomes the value of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Store {
    /// The operand's number.
    pub operand: usize,
    /// The step's number.
    pub step: usize,
}

impl Chain {
    /// Whether a step reads the operand.
    pub fn reads(&self, operand: usize) -> bool {
        let mut sources = self.steps.iter().flat_map(|step| &step.sources);
        sources.any(|source| *source == Source::Operand(operand))
    }
}

/// Checks an expression, and lists its ops.
pub(super) fn chain(operands: &[Operand], body: &Body) -> Result<Chain, ExprError> {
    if operands.len() > MAX_OPERANDS {
        return Err(ExprFault::TooManyOperands(operands.len()).into());
    }
    let mut maker = Maker {
        operands,
        values: BTreeMap::new(),
        known: BTreeMap::new(),
        used: vec![false; operands.len()],
        unread: Vec::new(),
        steps: Vec::new(),
    };
    let mut stores = Vec::new();
    for statement in body.statements() {
        let source = maker.value(&statement.value)?;
        stores.extend(maker.assign(&statement.name, source)?);
    }
    if let Some(name) = maker.unread.first() {
        return Err(ExprFault::Dead((*name).to_owned()).into());
    }
    let used = maker.used;
    let steps = maker.steps;
    let chain = Chain { steps, stores };
    check(operands, &used, &chain)?;
    Ok(chain)
}

struct Maker<'e> {
    operands: &'e [Operand],
    /// What names have been given.
    values: BTreeMap<&'e str, Source>,
    /// The step of an op over sources.
    known: BTreeMap<Step, usize>,
    /// Which operands have been read or written.
    used: Vec<bool>,
    /// Names that are no operands and have not been read.
    unread: Vec<&'e str>,
    steps: Vec<Step>,
}

impl<'e> Maker<'e> {
    fn operand(&self, name: &str) -> Option<usize> {
        self.operands.iter().position(|o| o.name == name)
    }

    fn value(&mut self, node: &'e Node) -> Result<Source, ExprError> {
        match node {
            Node::Number(number) => Ok(Source::Number(*number)),
            Node::Name(name) => self.named(name),
            Node::Call(op, nodes) => {
                let sources = nodes.iter().map(|node| self.value(node));
                let sources = sources.collect::<Result<_, _>>()?;
                self.step(Step { op: *op, sources }).map(Source::Step)
            }
        }
    }

    fn named(&mut self, name: &str) -> Result<Source, ExprError> {
        self.unread.retain(|unread| *unread != name);
        if let Some(source) = self.values.get(name) {
            return Ok(*source);
        }
        let Some(operand) = self.operand(name) else {
            return Err(ExprFault::Unknown(name.to_owned()).into());
        };
        self.used[operand] = true;
        Ok(Source::Operand(operand))
    }

    fn step(&mut self, step: Step) -> Result<usize, ExprError> {
        if let Some(&number) = self.known.get(&step) {
            return Ok(number);
        }
        if self.steps.len() == MAX_STEPS {
            return Err(ExprFault::TooManySteps.into());
        }
        let number = self.steps.len();
        self.known.insert(step.clone(), number);
        self.steps.push(step);
        Ok(number)
    }

    fn assign(&mut self, name: &'e str, source: Source) -> Result<Option<Store>, ExprError> {
        if self.values.contains_key(name) {
            return Err(ExprFault::Twice(name.to_owned()).into());
        }
        let Some(operand) = self.operand(name) else {
            self.values.insert(name, source);
            self.unread.push(name);
            return Ok(None);
        };
        // What is stored is the result of a step: adding -0 changes no number.
        let step = match source {
            Source::Step(step) => step,
            Source::Number(_) | Source::Operand(_) => self.step(Step {
                op: Op::Add,
                sources: [Some(source), Number::new(-0.0).map(Source::Number)]
                    .into_iter()
                    .flatten()
                    .collect(),
            })?,
        };
        self.values.insert(name, Source::Step(step));
        self.used[operand] = true;
        Ok(Some(Store { operand, step }))
    }
}

/// Whether a kernel may have a dimension of this name.
fn is_of_a_dim(name: &str) -> bool {
    matches!(name, "tokens" | "channels" | "heads" | "head_dim") || name.ends_with("_stride")
}

fn check(operands: &[Operand], used: &[bool], chain: &Chain) -> Result<(), ExprError> {
    for (i, operand) in operands.iter().enumerate() {
        let name = || operand.name.clone();
        if operands[..i].iter().any(|o| o.name == operand.name) {
            return Err(ExprFault::SameName(name()).into());
        }
        if is_of_a_dim(&operand.name) {
            return Err(ExprFault::DimName(name()).into());
        }
        if !used[i] {
            return Err(ExprFault::Unused(name()).into());
        }
        let written = chain.stores.iter().any(|store| store.operand == i);
        if written && (operand.kind == OperandKind::Gain || operand.per_head) {
            return Err(ExprFault::NotWritable(name()).into());
        }
        if operand.kind == OperandKind::State && !(written && chain.reads(i)) {
            return Err(ExprFault::NotKept(name()).into());
        }
    }
    if chain.stores.is_empty() {
        return Err(ExprFault::Nothing.into());
    }
    Ok(())
}
