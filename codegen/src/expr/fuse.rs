//! Two expressions as one: what the first leaves is read where it is computed.

use super::{Body, Expr, Node, Operand, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// An expression made of two, and where its operands come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fused {
    /// What both compute.
    pub expr: Expr,
    /// For each of its operands the one that it was, in order.
    pub origins: Vec<Origin>,
}

/// An operand of one of two expressions, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Of the first one.
    First(usize),
    /// Of the second one, which the first has not.
    Second(usize),
}

impl Expr {
    /// The expression that computes this one and then `second` over the same channels, to the same bits.
    ///
    /// `shared` tells for each operand of `second` which one of this it is, if it is one, and `gone` which of this nobody reads
    /// afterwards: what this one gives it is then no store, but a value.
    ///
    /// `None` if both do not take a shared operand alike, or the whole is no expression: it has too many operands or
    /// steps, or the first computes what nobody reads.
    ///
    /// ```
    /// use atome_codegen::expr::Expr;
    ///
    /// let gated: Expr = "(gate: row, up: row, out: row) { out = silu(gate) * up }".parse()?;
    /// let signed: Expr = "(x: row, s: gain, y: row) { y = x * s }".parse()?;
    /// let fused = gated.then(&signed, &[Some(2), None, None], |operand| operand == 2).unwrap();
    /// let expected = "(gate: row, up: row, s: gain, y: row) { out2 = silu(gate) * up; y = out2 * s }";
    /// assert_eq!(fused.expr, expected.parse()?);
    /// # Ok::<(), atome_codegen::expr::ExprError>(())
    /// ```
    ///
    /// # Panics
    /// If `shared` is not as long as the operands of `second`, or names an operand that there is not.
    pub fn then(
        &self,
        second: &Expr,
        shared: &[Option<usize>],
        gone: impl Fn(usize) -> bool,
    ) -> Option<Fused> {
        assert_eq!(shared.len(), second.operands.len(), "an operand each");
        let alike = |(operand, shared): (&Operand, &Option<usize>)| match shared {
            Some(first) => {
                let first = &self.operands[*first];
                (first.kind, first.per_head) == (operand.kind, operand.per_head)
            }
            None => true,
        };
        if !second.operands.iter().zip(shared).all(alike) {
            return None;
        }
        let mut fuse = Fuse::default();
        let first_names = fuse.names_of(&self.operands);
        let own = second.operands.iter().zip(shared);
        let second_names: Vec<String> = own
            .map(|(operand, shared)| match shared {
                Some(first) => first_names[*first].clone(),
                None => fuse.name(&operand.name),
            })
            .collect();
        let overwritten = |number: usize| {
            let is_written = |(operand, shared): (&Operand, &Option<usize>)| {
                *shared == Some(number) && second.body.writes(&operand.name)
            };
            second.operands.iter().zip(shared).any(is_written)
        };
        let kept = |number: usize| !gone(number) && !overwritten(number);
        let values = fuse.statements(self, first_names.clone(), kept);
        let current = |(name, shared): (&String, &Option<usize>)| match shared {
            Some(first) => values[*first].clone(),
            None => name.clone(),
        };
        let read = second_names.iter().zip(shared).map(current).collect();
        fuse.second(second, read, &second_names);

        let firsts = self.operands.iter().enumerate();
        let firsts = firsts.map(|(i, operand)| (Origin::First(i), operand, &first_names[i]));
        let seconds = second.operands.iter().enumerate();
        let seconds = seconds.filter(|(i, _)| shared[*i].is_none());
        let seconds = seconds.map(|(i, operand)| (Origin::Second(i), operand, &second_names[i]));
        fuse.finish(firsts.chain(seconds))
    }
}

/// Statements of both, under names that are distinct.
#[derive(Default)]
struct Fuse {
    taken: BTreeSet<String>,
    statements: Vec<Statement>,
}

/// What a name of an expression is called now.
type Renamed<'e> = BTreeMap<&'e str, String>;

impl Fuse {
    /// A name that is not taken, which begins with `name`.
    fn name(&mut self, name: &str) -> String {
        let numbered = (2..).map(|n| format!("{name}{n}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let found = names.find(|name| !self.taken.contains(name));
        let found = found.unwrap_or_default();
        self.taken.insert(found.clone());
        found
    }

    fn names_of(&mut self, operands: &[Operand]) -> Vec<String> {
        operands.iter().map(|o| self.name(&o.name)).collect()
    }

    /// Adds the statements of the first expression, and tells by what names its operands are read after them.
    fn statements(
        &mut self,
        of: &Expr,
        mut names: Vec<String>,
        kept: impl Fn(usize) -> bool,
    ) -> Vec<String> {
        let mut renamed = renamed(&of.operands, &names);
        for statement in of.body.statements() {
            let value = statement.value.renamed(&renamed);
            let operand = of.operands.iter().position(|o| o.name == statement.name);
            let name = match operand {
                Some(number) if kept(number) => names[number].clone(),
                Some(number) => {
                    names[number] = self.name(&statement.name);
                    names[number].clone()
                }
                None => self.name(&statement.name),
            };
            renamed.insert(&statement.name, name.clone());
            self.statements.push(Statement { name, value });
        }
        names
    }

    /// Adds those of the second one, whose operands are read by some names until they are written by others.
    fn second(&mut self, of: &Expr, read: Vec<String>, written: &[String]) {
        let mut renamed = renamed(&of.operands, &read);
        for statement in of.body.statements() {
            let value = statement.value.renamed(&renamed);
            let operand = of.operands.iter().position(|o| o.name == statement.name);
            let name = match operand {
                Some(number) => written[number].clone(),
                None => self.name(&statement.name),
            };
            renamed.insert(&statement.name, name.clone());
            self.statements.push(Statement { name, value });
        }
    }

    /// The expression, with those of the operands that a statement names.
    fn finish<'e>(
        self,
        operands: impl Iterator<Item = (Origin, &'e Operand, &'e String)>,
    ) -> Option<Fused> {
        let body = Body::new(self.statements);
        let named: BTreeSet<&str> = body.names().collect();
        let used = operands.filter(|(_, _, name)| named.contains(name.as_str()));
        let (origins, operands): (Vec<Origin>, Vec<Operand>) = used
            .map(|(origin, operand, name)| {
                let name = name.clone();
                (origin, Operand { name, ..*operand })
            })
            .unzip();
        let expr = Expr::new(operands, body).ok()?;
        Some(Fused { expr, origins })
    }
}

fn renamed<'e>(operands: &'e [Operand], names: &[String]) -> Renamed<'e> {
    let pairs = operands.iter().zip(names);
    pairs
        .map(|(operand, name)| (operand.name.as_str(), name.clone()))
        .collect()
}

impl Node {
    fn renamed(&self, names: &Renamed<'_>) -> Node {
        match self {
            Node::Number(number) => Node::Number(*number),
            Node::Name(name) => {
                let renamed = names.get(name.as_str());
                Node::Name(renamed.unwrap_or(name).clone())
            }
            Node::Call(op, nodes) => {
                Node::Call(*op, nodes.iter().map(|node| node.renamed(names)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expr(text: &str) -> Expr {
        text.parse().expect(text)
    }

    /// Both as one, with operands of one name shared, and the first one's of these names gone.
    #[track_caller]
    fn fused(first: &str, second: &str, gone: &[&str]) -> Option<Fused> {
        let (first, second) = (expr(first), expr(second));
        let find = |o: &Operand| first.operands.iter().position(|f| f.name == o.name);
        let shared: Vec<Option<usize>> = second.operands.iter().map(find).collect();
        let gone = |number: usize| gone.contains(&first.operands[number].name.as_str());
        first.then(&second, &shared, gone)
    }

    #[track_caller]
    fn gives(first: &str, second: &str, gone: &[&str], expected: &str) {
        let fused = fused(first, second, gone).expect("an expression");
        assert_eq!(fused.expr.to_string(), expected);
    }

    #[test]
    fn what_others_read_is_stored_and_what_nobody_reads_is_not() {
        let (first, second) = (
            "(x: row, y: row) { y = silu(x) }",
            "(y: row, z: row) { z = y + 1 }",
        );
        gives(
            first,
            second,
            &["y"],
            "(x: row, z: row) { y2 = silu(x); z = y2 + 1.0 }",
        );
        gives(
            first,
            second,
            &[],
            "(x: row, y: row, z: row) { y = silu(x); z = y + 1.0 }",
        );
    }

    #[test]
    fn what_the_second_writes_is_stored_once() {
        gives(
            "(x: row, y: row) { x = x + y }",
            "(x: row, g: gain) { x = x * g; }",
            &[],
            "(x: row, y: row, g: gain) { x2 = x + y; x = x2 * g }",
        );
        // The first reads what was there before.
        gives(
            "(x: row, y: row) { y = x * x }",
            "(x: row, y: row) { x = y - x }",
            &["y"],
            "(x: row) { y2 = x * x; x = y2 - x }",
        );
    }

    #[test]
    fn values_of_both_keep_apart() {
        gives(
            "(x: row, y: row) { t = x * x; y = t + x }",
            "(y: row, t2: row, z: row) { t = y * t2; z = t + y }",
            &["y"],
            "(x: row, t2: row, z: row) { t = x * x; y2 = t + x; t3 = y2 * t2; z = t3 + y2 }",
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        // Nobody reads what the first gives.
        assert_eq!(
            fused(
                "(x: row, y: row) { y = -x }",
                "(x: row, y: row) { y = x + 1 }",
                &[]
            ),
            None
        );
        // A gain is no row.
        assert_eq!(
            fused(
                "(x: row, y: row) { y = -x }",
                "(x: gain, y: row) { y = y + x }",
                &[]
            ),
            None
        );
        let long = "(x: row, y: row) { y = exp(exp(exp(exp(exp(exp(exp(exp(x)))))))) }";
        let mut whole = expr(long);
        let next = expr("(y: row) { y = exp(exp(exp(exp(exp(exp(exp(exp(y)))))))) }");
        let mut count = 1;
        while let Some(fused) = whole.then(&next, &[Some(1)], |_| false) {
            whole = fused.expr;
            count += 1;
        }
        assert_eq!(count, 8, "64 steps");
    }
}
