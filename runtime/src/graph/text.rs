//! A graph as text: what is declared and what is run, in order. Within a scope its names stand without it.

use super::{Arg, Call, Extent, Graph, Item, Rows, Scalar, What};
use crate::tensor::Prepare;
use atome_spec::Activation;
use std::fmt;

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {} window {} {{", self.name, self.window)?;
        let mut scopes: Vec<&str> = Vec::new();
        let mut depth = 1;
        for item in &self.log {
            depth -= usize::from(*item == Item::End);
            let indent = 2 * depth;
            write!(f, "{:indent$}", "")?;
            match item {
                Item::Scope(name) => {
                    writeln!(f, "{name} {{")?;
                    scopes.push(name);
                    depth += 1;
                }
                Item::HeadStart => {
                    writeln!(f, "head {{")?;
                    depth += 1;
                }
                Item::End => {
                    scopes.pop();
                    writeln!(f, "}}")?;
                }
                item => {
                    let graph = self;
                    let scope = scopes.join(".");
                    let printed = Printed {
                        graph,
                        scope,
                        indent,
                    };
                    printed.item(f, item)?;
                }
            }
        }
        writeln!(f, "}}")
    }
}

/// What is in a scope.
struct Printed<'g> {
    graph: &'g Graph,
    scope: String,
    indent: usize,
}

impl Printed<'_> {
    fn item(&self, f: &mut fmt::Formatter<'_>, item: &Item) -> fmt::Result {
        let graph = self.graph;
        match *item {
            Item::Param(id) => {
                let param = &graph.params[id];
                write!(f, "param {}: {}", self.short(&param.name), param.kind)?;
                match param.prepare {
                    Prepare::AsStored => writeln!(f),
                    prepare => writeln!(f, " {}", prepare.name()),
                }
            }
            Item::State(id) => {
                let state = &graph.states[id];
                let what = if state.cache { "cache" } else { "state" };
                let (name, rows, width) = (self.short(&state.name), state.rows, state.width);
                writeln!(f, "{what} {name}: f32[{rows}, {width}]")
            }
            Item::Output => match graph.output {
                Some(rows) => {
                    f.write_str("output ")?;
                    self.rows(f, rows)?;
                    writeln!(f)
                }
                None => Ok(()),
            },
            Item::Head(i) => self.call(f, &graph.head[i]),
            Item::Part(i) if graph.body[i].each_token => {
                writeln!(f, "each token {{")?;
                let indent = self.indent;
                for call in &graph.body[i].calls {
                    write!(f, "{:indent$}  ", "")?;
                    self.call(f, call)?;
                }
                writeln!(f, "{:indent$}}}", "")
            }
            Item::Part(i) => graph.body[i].calls.iter().try_for_each(|c| self.call(f, c)),
            Item::Scope(_) | Item::HeadStart | Item::End => Ok(()),
        }
    }

    fn short<'n>(&self, name: &'n str) -> &'n str {
        let inner = name.strip_prefix(self.scope.as_str());
        inner
            .and_then(|inner| inner.strip_prefix('.'))
            .unwrap_or(name)
    }

    fn call(&self, f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
        write!(f, "{}: {}", self.short(&call.name), call.what)?;
        for (i, (name, arg)) in call.args.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma} {name}=")?;
            match *arg {
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
        match &call.what {
            What::Map(expr) => writeln!(f, " {{ {} }}", expr.body()),
            What::Kernel(..) | What::Lookup | What::TopK(_) => writeln!(f),
        }
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
            What::Map(_) => f.write_str("map"),
            What::Lookup => f.write_str("lookup"),
            What::TopK(_) => f.write_str("top_k"),
        }
    }
}
