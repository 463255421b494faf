//! A graph as text: what is declared and what is run, in order. Within a scope its names stand without it.

use super::{Arg, Call, Extent, Graph, Item, Rows, Scalar, What, signature};
use crate::tensor::Prepare;
use atome_spec::Activation;
use std::fmt;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {} window {} {{", self.name, self.window)?;
        let mut open = "";
        for (scope, item) in &self.log {
            if open != scope {
                close(f, open)?;
                open = scope;
                if !open.is_empty() {
                    writeln!(f, "  {open} {{")?;
                }
            }
            let graph = self;
            let printed = Printed { graph, scope, item };
            write!(f, "{printed}")?;
        }
        close(f, open)?;
        writeln!(f, "}}")
    }
}

fn close(f: &mut fmt::Formatter<'_>, open: &str) -> fmt::Result {
    match open {
        "" => Ok(()),
        _ => writeln!(f, "  }}"),
    }
}

/// Something of a graph, in its scope.
struct Printed<'g> {
    graph: &'g Graph,
    scope: &'g str,
    item: &'g Item,
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Graph {
            params,
            states,
            body,
            head,
            ..
        } = self.graph;
        let indent = if self.scope.is_empty() { "  " } else { "    " };
        f.write_str(indent)?;
        match *self.item {
            Item::Param(id) => {
                let param = &params[id];
                write!(f, "param {}: {}", self.short(&param.name), param.kind)?;
                match param.prepare {
                    Prepare::AsStored => writeln!(f),
                    prepare => writeln!(f, " {}", prepare.name()),
                }
            }
            Item::State(id) => {
                let state = &states[id];
                let what = if state.cache { "cache" } else { "state" };
                let (name, rows, width) = (self.short(&state.name), state.rows, state.width);
                writeln!(f, "{what} {name}: f32[{rows}, {width}]")
            }
            Item::Head(i) => self.call(f, &head[i]),
            Item::Part(i) if body[i].each_token => {
                writeln!(f, "each token {{")?;
                for call in &body[i].calls {
                    write!(f, "  {indent}")?;
                    self.call(f, call)?;
                }
                writeln!(f, "{indent}}}")
            }
            Item::Part(i) => body[i].calls.iter().try_for_each(|c| self.call(f, c)),
        }
    }
}

impl Printed<'_> {
    fn short<'n>(&self, name: &'n str) -> &'n str {
        let inner = name.strip_prefix(self.scope);
        inner
            .and_then(|inner| inner.strip_prefix('.'))
            .unwrap_or(name)
    }

    fn call(&self, f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
        write!(f, "{}: {}", self.short(&call.name), call.what)?;
        for (i, name) in signature::names(call.what).buffers.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma} {name}=")?;
            match call.get(name) {
                Arg::Rows(rows) => self.rows(f, rows)?,
                Arg::Param(id) => f.write_str(self.short(&self.graph.params[id.0].name))?,
                Arg::State(id) => f.write_str(self.short(&self.graph.states[id.0].name))?,
            }
        }
        for (name, scalar) in &call.scalars {
            write!(f, ", {name}=")?;
            match scalar {
                Scalar::Value(value) => write!(f, "{value:?}")?,
                Scalar::ScaleOf(id) => write!(f, "{}", self.short(&self.graph.params[id.0].name))?,
            }
        }
        writeln!(f)
    }

    /// `%x[16]`, or `%in_proj[32..64]` for some columns.
    fn rows(&self, f: &mut fmt::Formatter<'_>, rows: Rows) -> fmt::Result {
        let info = &self.graph.rows[rows.id];
        let Rows { first, width, .. } = rows;
        write!(f, "%{}", self.short(&info.name))?;
        match info.extent {
            Extent::Positions => write!(f, "[positions]"),
            Extent::Kept => write!(f, "[..{width}]"),
            Extent::Tokens if width == info.width => write!(f, "[{width}]"),
            Extent::Tokens => write!(f, "[{first}..{}]", first + width),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Kernel(op, Activation::F32) => write!(f, "{op}"),
            What::Kernel(op, activation) => write!(f, "{op}-{activation}"),
            What::Lookup => f.write_str("lookup"),
            What::TopK(_) => f.write_str("top_k"),
        }
    }
}
