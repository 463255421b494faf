//! Base-3 codes on tiers without a table of 128 bytes: one function a kernel, by arithmetic.

use super::isa::{Helper, Isa};
use super::scalar::i32_literal;
use crate::ir::{Access, Address, Base3Part, Builder, Elem, Inst, Lanes, Stmt, Value};
use crate::passes::expand;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// The name of the function for a part.
fn name(part: Base3Part) -> &'static str {
    match part {
        Base3Part::Fields => "base3_fields",
        Base3Part::Fifth => "base3_fifth",
    }
}

/// The codes of one register.
pub(super) fn call(part: Base3Part, x: &Ident) -> TokenStream {
    let name = format_ident!("{}", name(part));
    quote!(#name(#x))
}

/// The functions that [`call`] calls.
pub(super) fn helpers(isa: &dyn Isa) -> Vec<Helper> {
    [Base3Part::Fields, Base3Part::Fifth]
        .map(|part| Helper {
            name: name(part),
            item: item(isa, part),
        })
        .into()
}

/// What [`expand`] makes of the instruction, for one register.
fn item(isa: &dyn Isa, part: Base3Part) -> TokenStream {
    let mut b = Builder::new("codes");
    let x = b.buffer("x", Access::In, Elem::I32, 16);
    let packed = b.load_vector(x, Address::at(0), Lanes::All);
    let codes = b.base3(part, packed);
    let mut function = b.finish();
    expand::run(&mut function);
    let body = function.body.iter().map(|stmt| match stmt {
        Stmt::Let(value, inst) => statement(isa, *value, inst),
        Stmt::Store { .. } | Stmt::Prefetch(..) | Stmt::For(_) => TokenStream::new(),
    });
    let (register, name, result) = (
        isa.register(Elem::I32),
        format_ident!("{}", name(part)),
        variable(codes),
    );
    let feature = isa
        .features()
        .map(|features| quote!(#[target_feature(enable = #features)]));
    quote! {
        /// Codes of the trits of bytes in base 3.
        #[inline]
        #feature
        fn #name(x: #register) -> #register {
            #(#body)*
            #result
        }
    }
}

fn variable(value: Value) -> Ident {
    format_ident!("v{}", value.0)
}

fn statement(isa: &dyn Isa, value: Value, inst: &Inst) -> TokenStream {
    let register = isa.register(Elem::I32);
    let x = match inst {
        Inst::Load(..) => quote!(x),
        Inst::Splat(x) => isa.splat(Elem::I32, &variable(*x)),
        Inst::Binary(op, x, y) => isa.binary(*op, Elem::I32, &variable(*x), &variable(*y)),
        Inst::Shift(op, x, bits) => isa.shift(*op, &variable(*x), *bits),
        Inst::Select { mask, on, off } => {
            let [mask, on, off] = [mask, on, off].map(|v| variable(*v));
            isa.select(Elem::I32, &mask, &on, &off)
        }
        Inst::I32(bits) => {
            let (variable, bits) = (variable(value), i32_literal(*bits));
            return quote!(let #variable: i32 = #bits;);
        }
        _ => unreachable!("the pass makes no other instruction"),
    };
    let variable = variable(value);
    quote!(let #variable: #register = #x;)
}
