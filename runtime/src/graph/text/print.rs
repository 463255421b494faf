//! A graph as lines, each name as short as its scope allows.

use super::fold::{Entry, folded, write};
use crate::graph::{Angles, Arg, Call, Extent, Graph, Item, Rows, RowsInfo, Scalar, What, typical};
use crate::tensor::{Kind, Param, Prepare};
use atome_codegen::expr::Statement;
use atome_spec::Activation;
use std::collections::BTreeSet;
use std::fmt::{self, Write};

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph {}", self.name)?;
        if self.window != 1 {
            write!(f, " window {}", self.window)?;
        }
        f.write_str(" {\n")?;
        let mut printer = Printer {
            graph: self,
            scopes: Vec::new(),
            declared: BTreeSet::from([self.rows_name(self.ids)]),
            log: self.log.iter(),
        };
        write(f, &printer.entries(), 1)?;
        f.write_str("}\n")
    }
}

/// What prints a graph, in the order of its recording.
struct Printer<'g> {
    graph: &'g Graph,
    /// The scopes that are open.
    scopes: Vec<&'g str>,
    /// Names so far; of rows behind a `%`.
    declared: BTreeSet<String>,
    log: std::slice::Iter<'g, Item>,
}

impl Graph {
    fn rows_name(&self, rows: Rows) -> String {
        format!("%{}", self.rows[rows.id].name)
    }
}

impl Printer<'_> {
    /// What is recorded up to the end of a scope.
    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        while let Some(item) = self.log.next() {
            let graph = self.graph;
            let entry = match item {
                Item::End => break,
                Item::Scope(name) => {
                    self.scopes.push(name);
                    let body = self.entries();
                    self.scopes.pop();
                    Entry::Scope(name.clone(), body)
                }
                Item::HeadStart => Entry::Scope("head".to_owned(), self.entries()),
                Item::Param(id) => Entry::Line(self.param(&graph.params[*id])),
                Item::State(id) => Entry::Line(self.state(*id)),
                Item::Output => match graph.output {
                    Some(rows) => Entry::Line(format!("output {}", self.rows(rows))),
                    None => continue,
                },
                Item::Angles => match graph.angles {
                    Some(Angles { rows, base }) => {
                        Entry::Line(format!("angles {} base={base:?}", self.rows(rows)))
                    }
                    None => continue,
                },
                Item::Head(i) => self.call(&graph.head[*i]),
                Item::Part(i) => {
                    let part = &graph.body[*i];
                    let calls = part.calls.iter().map(|call| self.call(call));
                    let calls: Vec<Entry> = calls.collect();
                    if !part.each_token {
                        entries.extend(calls);
                        continue;
                    }
                    Entry::Scope("each token".to_owned(), calls)
                }
            };
            entries.push(entry);
        }
        folded(entries)
    }

    /// A name within an open scope, by the number of scopes that are left away.
    fn within(&self, scopes: usize, name: &str) -> String {
        let (sign, name) = match name.strip_prefix('%') {
            Some(name) => ("%", name),
            None => ("", name),
        };
        let scopes = self.scopes[..scopes].iter().copied();
        let whole = scopes.chain([name]).collect::<Vec<_>>().join(".");
        format!("{sign}{whole}")
    }

    /// The shortest name here of what is called `whole`; it is declared from now on.
    fn short(&mut self, whole: &str) -> String {
        let (sign, bare) = match whole.strip_prefix('%') {
            Some(bare) => ("%", bare),
            None => ("", whole),
        };
        let mut inner = None;
        for scopes in (0..=self.scopes.len()).rev() {
            let prefix = self.within(scopes, "");
            if let Some(name) = bare.strip_prefix(&prefix) {
                inner = Some(format!("{sign}{name}"));
                break;
            }
        }
        let short = inner.unwrap_or_else(|| whole.to_owned());
        let scopes = (0..=self.scopes.len()).rev();
        let means = scopes
            .map(|n| self.within(n, &short))
            .find(|name| self.declared.contains(name));
        let means = means.unwrap_or_else(|| self.within(self.scopes.len(), &short));
        self.declared.insert(whole.to_owned());
        match means == whole {
            true => short,
            false => format!("{sign}.{bare}"),
        }
    }

    fn param(&mut self, param: &Param) -> String {
        let mut line = format!("param {}: {}", self.here(&param.name), param.kind);
        if param.prepare != Prepare::AsStored {
            let _ = write!(line, " {}", param.prepare.name());
        }
        let usual = match param.kind {
            Kind::Ternary { .. } => param.typical,
            Kind::Table { .. } => typical::TABLE,
            Kind::Floats(_) => typical::FLOATS,
        };
        if param.typical != usual {
            let (low, high) = param.typical;
            let _ = write!(line, " random {low:?}..{high:?}");
        }
        line
    }

    fn state(&mut self, id: usize) -> String {
        let state = &self.graph.states[id];
        let (rows, width) = (state.rows, state.width);
        let name = self.here(&state.name);
        match state.cache.is_some() {
            true => format!("cache {name}: f32[{rows}, {width}]"),
            false => format!("state {name}: f32[{width}]"),
        }
    }

    /// The name of what is declared in the innermost scope.
    fn here(&mut self, whole: &str) -> String {
        self.declared.insert(whole.to_owned());
        let scope = self.within(self.scopes.len(), "");
        whole.strip_prefix(&scope).unwrap_or(whole).to_owned()
    }

    /// A call; several statements of an expression have a line each.
    fn call(&mut self, call: &Call) -> Entry {
        let scope = self.within(self.scopes.len(), "");
        let name = call.name.strip_prefix(&scope).unwrap_or(&call.name);
        let mut line = format!("{name}: {}", call.what);
        for (i, (name, arg)) in call.args.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let arg = match *arg {
                Arg::Rows(rows) => self.rows(rows),
                Arg::Param(id) => self.short(&self.graph.params[id.0].name),
                Arg::State(id) => self.short(&self.graph.states[id.0].name),
            };
            let _ = write!(line, "{comma} {name}={arg}");
        }
        for (name, scalar) in &call.scalars {
            let _ = match scalar {
                Scalar::Value(value) => write!(line, ", {name}={value:?}"),
                Scalar::ScaleOf(id) => {
                    let weights = self.short(&self.graph.params[id.0].name);
                    write!(line, ", {name}={weights}")
                }
            };
        }
        for (name, size) in &call.sizes {
            let _ = write!(line, ", {name}={size}");
        }
        let What::Map(expr) = &call.what else {
            return Entry::Line(line);
        };
        match expr.body().statements() {
            [_] => Entry::Line(format!("{line} {{ {} }}", expr.body())),
            statements => {
                let shown = |s: &Statement| Entry::Line(format!("{} = {}", s.name, s.value));
                Entry::Scope(line, statements.iter().map(shown).collect())
            }
        }
    }

    /// `%x[16]`, or `%in_proj[32..64]` for some columns.
    fn rows(&mut self, rows: Rows) -> String {
        let whole = self.graph.rows_name(rows);
        let RowsInfo { width, extent, .. } = self.graph.rows[rows.id];
        let (name, first) = (self.short(&whole), rows.first);
        match extent {
            Extent::Positions => format!("{name}[positions]"),
            Extent::Kept => format!("{name}[..{width}]"),
            Extent::Tokens if rows.width == width => format!("{name}[{width}]"),
            Extent::Tokens => format!("{name}[{first}..{}]", first + rows.width),
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
