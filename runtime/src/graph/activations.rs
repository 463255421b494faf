//! A graph whose products multiply f32 in place of int8, where it was not made for int8: its products by groups of columns
//! round what they multiply by `quantize` alone.

use super::{Arg, Call, Graph, What};
use atome_spec::{Activation, Op};
use std::collections::HashMap;

impl Graph {
    /// The activations that products multiply, and whether they may be f32 in place of int8.
    pub(crate) fn activations(&self) -> (Activation, bool) {
        let mut products = self.calls().filter_map(|call| match call.what {
            What::Kernel(op, Activation::I8) => Some(op),
            _ => None,
        });
        let any = self
            .calls()
            .any(|call| matches!(call.what, What::Kernel(_, Activation::I8)));
        match any {
            true => (Activation::I8, products.all(|op| op == Op::GroupGemm)),
            false => (Activation::F32, false),
        }
    }

    /// The same with products of f32, of a graph that allows it.
    pub(crate) fn in_f32(&self) -> Graph {
        let mut graph = self.clone();
        // What was rounded, by the rows of the result.
        let mut rounded: HashMap<usize, Arg> = HashMap::new();
        let bodies = graph.body.iter_mut().map(|part| &mut part.calls);
        for calls in bodies.chain([&mut graph.head]) {
            let each = std::mem::take(calls).into_iter();
            *calls = each.filter_map(|call| in_f32(call, &mut rounded)).collect();
        }
        graph
    }
}

/// A call of f32; none where it only rounded.
fn in_f32(mut call: Call, rounded: &mut HashMap<usize, Arg>) -> Option<Call> {
    match call.what {
        What::Kernel(Op::Quantize, _) => {
            let (x, q) = (call.find("x").ok()?, call.find("q").ok()?);
            if let Arg::Rows(q) = q {
                rounded.insert(q.id, x);
            }
            return None;
        }
        What::Kernel(Op::GroupGemm, Activation::I8) => {
            call.what = What::Kernel(Op::GroupGemm, Activation::F32);
            call.args
                .retain(|(name, _)| name != "x_scale" && name != "x_sum");
            for (name, arg) in &mut call.args {
                if let (true, Arg::Rows(rows)) = (name == "x", &*arg)
                    && let Some(x) = rounded.get(&rows.id)
                {
                    *arg = *x;
                }
            }
        }
        _ => {}
    }
    Some(call)
}
