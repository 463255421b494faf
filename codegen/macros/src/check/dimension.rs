//! Dimensions: numbers, which the kernel is made for, and constants.

use super::{Checker, ops};
use crate::parse::{Arg, Value, is_punct};
use atome_codegen::KernelSpec;
use atome_codegen::op::{self, Bound};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

impl Checker<'_> {
    pub(super) fn dimension(&mut self, arg: &Arg, key: &str) {
        let dims = match &self.spec {
            Some(spec) => spec.dims(),
            None => ops().flat_map(|op| op::dims(op).to_vec()).collect(),
        };
        let dims: Vec<&str> = dims.iter().map(|dim| &*dim.name).collect();
        if !dims.contains(&key) {
            return self.unknown(arg, key, &dims);
        }
        let Some(value) = &arg.value else { return };
        match value {
            Value::Number(number) => match number.base10_parse() {
                Ok(number) => self.bind(arg, key, number),
                Err(_) => self.out_of_range(arg, key, number),
            },
            Value::Tokens(tokens) if is_negative(tokens) => self.out_of_range(arg, key, tokens),
            Value::Tokens(tokens) if !is_literal(tokens) => {
                self.constants.insert(key.to_owned(), tokens.clone());
            }
            value => {
                let message = format!("dimension `{key}` needs a whole number or a constant");
                self.errors.at(value, message);
            }
        }
    }

    fn bind(&mut self, arg: &Arg, key: &str, number: u64) {
        let Some(spec) = &mut self.spec else { return };
        spec.shape.insert(key.to_owned(), number);
        // Alone, so that only this dimension can be what is wrong.
        let mut alone = KernelSpec::new(spec.op).bind(key, number);
        alone.expr.clone_from(&spec.expr);
        alone.activation = spec.activation;
        alone.packing = op::packings(spec.op, spec.activation).first().copied();
        if let Err(e) = alone.check() {
            self.errors.at(&arg.value, e);
        }
    }

    /// A number that no `u64` holds.
    fn out_of_range(&mut self, arg: &Arg, key: &str, number: &impl ToTokens) {
        let Some(spec) = &self.spec else { return };
        let dims = spec.dims();
        let Some(dim) = dims.iter().find(|dim| dim.name == key) else {
            return;
        };
        let range = dim.range(spec.activation);
        let found = number.to_token_stream().to_string().replace(' ', "");
        let message = format!(
            "`{}`: dimension `{key}` is {found}, expected {} to {}",
            spec.op,
            range.start(),
            range.end(),
        );
        self.errors.at(&arg.value, message);
    }

    /// The rows of one token's output may not run into the next one's.
    pub(super) fn overlap(&mut self) {
        let Some(spec) = &self.spec else { return };
        for dim in spec.dims() {
            let Some(Bound::AtLeast(least)) = dim.bound else {
                continue;
            };
            let bound = |key: &str| spec.shape.get(key).copied();
            let (Some(rows), Some(stride)) = (bound(least), bound(&dim.name)) else {
                continue;
            };
            let arg = self.args.iter().find(|a| a.key == dim.name);
            if let (true, Some(arg)) = (stride < rows, arg) {
                let name = &dim.name;
                let message = format!("`{name}` is {stride}, expected at least `{least}`, {rows}");
                self.errors.at(&arg.value, message);
            }
        }
    }
}

/// Whether a value is a negative number.
fn is_negative(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    matches!(&tokens[..], [minus, TokenTree::Literal(_)] if is_punct(minus, '-'))
}

/// Whether a value is one literal, which is no whole number.
fn is_literal(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    match &tokens[..] {
        [TokenTree::Literal(_)] => true,
        [TokenTree::Ident(word)] => word == "true" || word == "false",
        _ => false,
    }
}
