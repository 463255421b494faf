use super::EmitError;
use crate::ir::{Buffer, Dim, Function, Type, Value};
use proc_macro2::Ident;
use quote::format_ident;

/// The identifiers of one function.
///
/// A scalar or an index is `v7`, a register of a vector `v7_0`, `v7_1`, ..; what selects
/// share is `table7_a` and the like, and lanes that outlast their loop are `all7`. Parameters keep their own names.
pub(super) struct Names {
    buffers: Vec<Ident>,
    dims: Vec<Ident>,
    scalars: Vec<Ident>,
}

impl Names {
    /// Parameters that have a name of these, which items of the body have, get a `_` at their end.
    pub(super) fn new(function: &Function, items: &[&str]) -> Result<Names, EmitError> {
        let own = |name: &String| match items.contains(&&**name) {
            true => parameter(&format!("{name}_")),
            false => parameter(name),
        };
        let idents = |names: &mut dyn Iterator<Item = &String>| {
            names.map(own).collect::<Result<Vec<_>, _>>()
        };
        Ok(Names {
            buffers: idents(&mut function.memories().map(|b| &b.name))?,
            dims: idents(&mut function.dims.iter())?,
            scalars: idents(&mut function.scalars.iter().map(|s| &s.name))?,
        })
    }

    pub(super) fn buffer(&self, buffer: Buffer) -> &Ident {
        &self.buffers[buffer.0 as usize]
    }

    pub(super) fn dim(&self, dim: Dim) -> &Ident {
        &self.dims[dim.0 as usize]
    }

    pub(super) fn param(&self, number: u32) -> &Ident {
        &self.scalars[number as usize]
    }

    /// The variable of a scalar or an index.
    pub(super) fn scalar(&self, value: Value) -> Ident {
        format_ident!("v{}", value.0)
    }

    /// The variable of one register of a vector, of `registers` in all.
    pub(super) fn register(&self, value: Value, register: usize, registers: usize) -> Ident {
        if registers == 1 {
            self.scalar(value)
        } else {
            format_ident!("v{}_{}", value.0, register)
        }
    }

    /// The variables of a value, one each register.
    pub(super) fn variables(&self, value: Value, ty: Type, registers: usize) -> Vec<Ident> {
        let count = if ty.is_vector() { registers } else { 1 };
        (0..count).map(|r| self.register(value, r, count)).collect()
    }
}

/// The identifier of a function or of one of its parameters.
///
/// A name that could be a variable's gets a `_` at its end.
pub(super) fn parameter(name: &str) -> Result<Ident, EmitError> {
    if !is_identifier(name) {
        return Err(EmitError::Name {
            name: name.to_owned(),
        });
    }
    let ident = format_ident!("{name}");
    let taken = ["v", "table", "index", "all"].iter().any(|prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    Ok(if taken {
        format_ident!("{name}_")
    } else {
        ident
    })
}

/// Words that are no names in some edition of Rust.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Whether a name that the verifier accepts is one in Rust.
fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    starts && rest && name != "_" && KEYWORDS.binary_search(&name).is_err()
}

#[cfg(test)]
mod tests {
    use super::{KEYWORDS, Names, is_identifier};
    use crate::ir::{Builder, Dim};

    #[test]
    fn a_parameter_hides_from_an_item_of_its_name() {
        let mut b = Builder::new("f");
        b.dim("pairs");
        let function = b.finish();
        let name = |items: &[&str]| {
            let names = Names::new(&function, items).expect("they are identifiers");
            names.dim(Dim(0)).to_string()
        };
        assert_eq!(name(&["reduce", "pairs"]), "pairs_");
        assert_eq!(name(&["reduce"]), "pairs");
    }

    #[test]
    fn keywords_are_no_names() {
        assert!(KEYWORDS.is_sorted());
        for name in KEYWORDS
            .iter()
            .chain(&["", "_", "1x", "a b", "r#x", "\u{e9}"])
        {
            assert!(!is_identifier(name), "{name}");
        }
        assert!(["x", "_x", "q_sum", "X1"].into_iter().all(is_identifier));
    }
}
