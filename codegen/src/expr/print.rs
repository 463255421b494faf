//! Expressions as text: with the parentheses that the order of operations needs, and no others.

use super::{Body, Expr, Node, Operand};
use atome_spec::Op;
use std::fmt;

/// How tightly an operator binds: sums, products, signs, and all that needs no parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Sum,
    Product,
    Sign,
    Atom,
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, operand) in self.operands.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{operand}")?;
        }
        write!(f, ") {{ {} }}", self.body)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.kind.name())?;
        match self.per_head {
            true => f.write_str(" per head"),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Body {
    /// Statements on one line, `;` between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, statement) in self.statements().iter().enumerate() {
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{} = {}", statement.name, statement.value)?;
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Number(number) => write!(f, "{:?}", number.value()),
            Node::Name(name) => f.write_str(name),
            Node::Call(op, operands) => call(f, *op, operands),
        }
    }
}

impl Node {
    fn tie(&self) -> Tie {
        match self {
            Node::Number(number) if number.value().is_sign_negative() => Tie::Sign,
            Node::Number(_) | Node::Name(_) => Tie::Atom,
            Node::Call(op, _) => match op {
                Op::Add | Op::Sub => Tie::Sum,
                Op::Mul | Op::Div => Tie::Product,
                Op::Neg => Tie::Sign,
                _ => Tie::Atom,
            },
        }
    }

    /// The node, in parentheses if it binds less tightly.
    fn within(&self, f: &mut fmt::Formatter<'_>, least: Tie) -> fmt::Result {
        match self.tie() < least {
            true => write!(f, "({self})"),
            false => write!(f, "{self}"),
        }
    }
}

fn call(f: &mut fmt::Formatter<'_>, op: Op, operands: &[Node]) -> fmt::Result {
    match (op, operands) {
        (Op::Add, [x, y]) => infix(f, x, "+", y, [Tie::Sum, Tie::Product]),
        (Op::Sub, [x, y]) => infix(f, x, "-", y, [Tie::Sum, Tie::Product]),
        (Op::Mul, [x, y]) => infix(f, x, "*", y, [Tie::Product, Tie::Sign]),
        (Op::Div, [x, y]) => infix(f, x, "/", y, [Tie::Product, Tie::Sign]),
        // A sign before a positive number would be read as that of the number.
        (Op::Neg, [Node::Number(number)]) => write!(f, "-({:?})", number.value()),
        (Op::Neg, [x]) => {
            f.write_str("-")?;
            x.within(f, Tie::Sign)
        }
        (Op::SelectLt, [x, y, u, v]) => write!(f, "select({x} < {y}, {u}, {v})"),
        (Op::SelectLe, [x, y, u, v]) => write!(f, "select({x} <= {y}, {u}, {v})"),
        (Op::SelectEq, [x, y, u, v]) => write!(f, "select({x} == {y}, {u}, {v})"),
        (op, operands) => {
            write!(f, "{op}(")?;
            for (i, operand) in operands.iter().enumerate() {
                let comma = if i == 0 { "" } else { ", " };
                write!(f, "{comma}{operand}")?;
            }
            f.write_str(")")
        }
    }
}

fn infix(
    f: &mut fmt::Formatter<'_>,
    x: &Node,
    sign: &str,
    y: &Node,
    [left, right]: [Tie; 2],
) -> fmt::Result {
    x.within(f, left)?;
    write!(f, " {sign} ")?;
    y.within(f, right)
}
