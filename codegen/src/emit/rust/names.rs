use super::EmitError;
use crate::ir::{Buffer, Dim, Function, Type, Value};
use proc_macro2::Ident;
use quote::format_ident;

/// The identifiers of one function.
///
/// A scalar or an index is `v7`, a register of a vector `v7_0`, `v7_1`, ..; what selects
/// share is `table7_a` and the like. Parameters keep their own names.
pub(super) struct Names {
    buffers: Vec<Ident>,
    dims: Vec<Ident>,
    scalars: Vec<Ident>,
}

impl Names {
    pub(super) fn new(function: &Function) -> Result<Names, EmitError> {
        let idents = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|n| parameter(n)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Names {
            buffers: idents(&mut function.buffers.iter().map(|b| &b.name))?,
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
    let ident = syn::parse_str::<Ident>(name).map_err(|_| EmitError::Name {
        name: name.to_owned(),
    })?;
    let taken = ["v", "table", "index"].iter().any(|prefix| {
        name.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    Ok(if taken {
        format_ident!("{name}_")
    } else {
        ident
    })
}
