use super::argument::blank;
use super::data::{Series, Values};
use super::{Argument, Case};
use atome_codegen::KernelSpec;
use atome_codegen::expr::{Expr, Node, Operand, OperandKind};
use atome_codegen::ir::Access;
use atome_codegen::testing::{expression_specs, random_expr};
use atome_kernels::reference;
use std::collections::BTreeMap;

/// Random expressions beside those that models are made of.
const RANDOM: u64 = 8;

pub(super) fn map() -> Vec<Case> {
    let mut series = Series::new(31);
    let mut cases = Vec::new();
    let known = expression_specs().into_iter();
    let random = (0..RANDOM).map(|seed| KernelSpec::map(random_expr(seed)));
    for (i, spec) in known.chain(random).enumerate() {
        let sizes = match i < 8 {
            true => &[[0, 16], [1, 0], [1, 1], [3, 15], [2, 17], [5, 100]][..],
            false => &[[1, 16], [3, 37]][..],
        };
        for &[tokens, channels] in sizes {
            for values in [Values::Plain, Values::Extreme, Values::Edges] {
                cases.push(case(&spec, [tokens, channels], &mut series, values));
            }
        }
    }
    cases
}

/// Channels of a head; there is one head if the channels are fewer.
const HEAD_DIM: usize = 18;

struct Sizes {
    tokens: usize,
    heads: usize,
    head_dim: usize,
}

fn case(
    spec: &KernelSpec,
    [tokens, channels]: [usize; 2],
    series: &mut Series,
    values: Values,
) -> Case {
    let expr = spec.expr.as_deref().expect("an expression");
    let heads = channels.div_ceil(HEAD_DIM);
    let sizes = match expr.has_heads() {
        true => Sizes {
            tokens,
            heads,
            head_dim: channels.min(HEAD_DIM),
        },
        false => Sizes {
            tokens,
            heads: 1,
            head_dim: channels,
        },
    };
    let mut dims = vec![("tokens", tokens)];
    match expr.has_heads() {
        true => dims.extend([("heads", heads), ("head_dim", sizes.head_dim)]),
        false => dims.push(("channels", channels)),
    }
    let mut before = Vec::new();
    let mut strides = Vec::new();
    for (i, operand) in expr.operands().iter().enumerate() {
        let width = sizes.width(operand);
        // Rows of a wider buffer, of which these are the first columns.
        let stride = if i % 2 == 0 { width } else { width + 3 };
        let len = match operand.kind {
            OperandKind::Row => tokens.saturating_sub(1) * stride + width,
            OperandKind::Gain | OperandKind::State => width,
        };
        if operand.kind == OperandKind::Row {
            dims.push((format!("{}_stride", operand.name).leak(), stride));
        }
        strides.push(stride);
        before.push(match expr.access(i) {
            Access::Out => blank(len),
            Access::In | Access::InOut => series.floats(values, len),
        });
    }
    let after = run(expr, &sizes, &strides, &before);
    let buffers = expr.operands().iter().zip(before.iter().zip(&after));
    let arguments = buffers.map(|(operand, (before, after))| {
        Argument::in_out(operand.name.clone().leak(), before, after)
    });
    let mut case = Case::new(spec.op, &dims, arguments.collect()).values(values);
    case.spec = spec.clone();
    case.exact_nan = true;
    case
}

impl Sizes {
    fn width(&self, operand: &Operand) -> usize {
        match operand.per_head {
            true => self.heads,
            false => self.heads * self.head_dim,
        }
    }
}

/// The statements, for one token and channel after the other.
fn run(expr: &Expr, sizes: &Sizes, strides: &[usize], before: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut buffers = before.to_vec();
    for t in 0..sizes.tokens {
        for channel in 0..sizes.heads * sizes.head_dim {
            let places: Vec<usize> = expr
                .operands()
                .iter()
                .enumerate()
                .map(|(i, operand)| {
                    let row = match operand.kind {
                        OperandKind::Row => t * strides[i],
                        OperandKind::Gain | OperandKind::State => 0,
                    };
                    row + match operand.per_head {
                        true => channel / sizes.head_dim,
                        false => channel,
                    }
                })
                .collect();
            let mut values = BTreeMap::new();
            for (i, operand) in expr.operands().iter().enumerate() {
                values.insert(operand.name.as_str(), buffers[i][places[i]]);
            }
            for statement in expr.body().statements() {
                let value = value(&statement.value, &values);
                values.insert(&statement.name, value);
                let number = expr
                    .operands()
                    .iter()
                    .position(|o| o.name == statement.name);
                if let Some(i) = number {
                    buffers[i][places[i]] = reference::value(atome_spec::Op::Add, &[value, -0.0]);
                }
            }
        }
    }
    buffers
}

fn value(node: &Node, values: &BTreeMap<&str, f32>) -> f32 {
    match node {
        Node::Number(number) => number.value(),
        Node::Name(name) => values[name.as_str()],
        Node::Call(op, nodes) => {
            let operands: Vec<f32> = nodes.iter().map(|node| value(node, values)).collect();
            reference::value(*op, &operands)
        }
    }
}
