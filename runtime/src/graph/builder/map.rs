//! Calls of row-wise expressions: kinds follow from what is bound, heads from widths.

use super::Builder;
use crate::graph::fault::GraphFault;
use crate::graph::{Arg, What};
use atome_codegen::expr::{Body, Expr, Operand, OperandKind};
use std::sync::Arc;

impl Builder {
    /// Runs statements over operands, in one pass: rows have a value for each token and channel, parameters one for each
    /// channel, and states one that a token leaves to the next. What is narrower than the widest operand, by a whole
    /// factor, has a value for each head.
    ///
    /// `docs/graph.md` says what statements there are.
    pub fn map(&mut self, name: &str, body: &str, operands: &[(&str, Arg)]) {
        match body.parse() {
            Ok(body) => self.map_body(name, body, operands),
            Err(fault) => self.refuse(name, GraphFault::from(fault)),
        }
    }

    pub(in crate::graph) fn map_body(&mut self, name: &str, body: Body, operands: &[(&str, Arg)]) {
        match self.expr(body, operands) {
            Ok(expr) => {
                let expr = self.shared(expr);
                let call = self.push(name, What::Map(expr));
                for (name, arg) in operands {
                    call.arg((*name).to_owned(), *arg);
                }
            }
            Err(fault) => self.refuse(name, fault),
        }
    }

    /// An expression that many calls may have, once.
    fn shared(&mut self, expr: Expr) -> Arc<Expr> {
        if let Some(known) = self.exprs.get(&expr) {
            return Arc::clone(known);
        }
        let expr = Arc::new(expr);
        self.exprs.insert(Arc::clone(&expr));
        expr
    }

    fn expr(&self, body: Body, operands: &[(&str, Arg)]) -> Result<Expr, GraphFault> {
        let known = |arg: &Arg| match *arg {
            Arg::Rows(rows) => rows.id < self.graph.rows.len(),
            Arg::Param(id) => id.0 < self.graph.params.len(),
            Arg::State(id) => id.0 < self.graph.states.len(),
        };
        let foreign = || GraphFault::Foreign { what: "operand" };
        let all_known = operands.iter().all(|(_, arg)| known(arg));
        all_known.then_some(()).ok_or_else(foreign)?;
        let elems = operands.iter().map(|(_, arg)| self.graph.elems(*arg));
        let channels = elems.max().unwrap_or(0);
        self.widths(channels, operands)?;
        let operands = operands.iter().map(|(name, arg)| {
            let kind = match arg {
                Arg::Rows(_) => OperandKind::Row,
                Arg::Param(_) => OperandKind::Gain,
                Arg::State(_) => OperandKind::State,
            };
            let operand = Operand::new(*name, kind);
            let elems = self.graph.elems(*arg);
            let is_shared = elems < channels && elems > 0 && channels.is_multiple_of(elems);
            match is_shared {
                true => operand.per_head(),
                false => operand,
            }
        });
        Ok(Expr::new(operands.collect(), body)?)
    }

    /// Operands of a map have as many elements as the widest, or one number of heads that divides it.
    fn widths(&self, channels: usize, operands: &[(&str, Arg)]) -> Result<(), GraphFault> {
        let mut heads = None;
        for (name, arg) in operands {
            let found = self.graph.elems(*arg);
            if found == channels {
                continue;
            }
            let first = *heads.get_or_insert(found);
            if found != first || found == 0 || !channels.is_multiple_of(found) {
                return Err(GraphFault::Heads {
                    operand: (*name).to_owned().into(),
                    channels,
                    heads: (found != first).then_some(first),
                    found,
                });
            }
        }
        Ok(())
    }
}
