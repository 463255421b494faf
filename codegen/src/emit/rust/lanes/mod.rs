//! Vectors lane by lane, for machines without any: statements whose lanes have nothing to do with each other are one
//! loop over the lanes, so what a vector holds is in a register at a time, and the code is as short as that of one lane.
//!
//! | file | concept |
//! |---|---|
//! | `facts` | what is known of values before: uses, lanes that are wanted, signs |
//! | `group` | which statements become one loop |

mod facts;
mod group;

pub(super) use facts::Facts;

use super::function::{Walk, elem_type};
use super::{EmitError, scalar, size};
use crate::ir::{Address, BinaryOp, Block, Buffer, Elem, Inst, Lanes, Size, Stmt, Value, VectorOp};
use atome_spec::LANES;
use facts::{each_use, first_lanes};
use group::{Group, Trit, Trits};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use std::collections::BTreeMap;

impl Walk<'_> {
    /// A block whose vectors are loops over lanes where they can be.
    pub(super) fn block_by_lanes(
        &mut self,
        block: &Block,
        facts: &Facts,
    ) -> Result<TokenStream, EmitError> {
        let outer = self.shared.clone();
        let mut tokens = TokenStream::new();
        let mut group = Group::default();
        for stmt in block {
            if self.is_by_lanes(stmt) {
                if !group.allows(stmt) {
                    self.close(&mut group, facts, &mut tokens)?;
                }
                group.push(stmt);
                continue;
            }
            match stmt {
                Stmt::Let(value, inst)
                    if group.lets_pass(*value, inst, self.function.type_of(*value)) =>
                {
                    tokens.extend(self.definition(*value, inst)?);
                    continue;
                }
                Stmt::Prefetch(..) => continue,
                _ => self.close(&mut group, facts, &mut tokens)?,
            }
            tokens.extend(match stmt {
                Stmt::Let(value, inst) => self.definition(*value, inst)?,
                Stmt::Store {
                    buffer,
                    address,
                    value,
                    lanes,
                } => self.store(*buffer, address, *value, lanes)?,
                Stmt::For(l) => self.for_loop(l)?,
                Stmt::Prefetch(..) => TokenStream::new(),
            });
        }
        self.close(&mut group, facts, &mut tokens)?;
        self.shared = outer;
        Ok(tokens)
    }

    /// Whether a statement works on each lane of vectors by itself.
    fn is_by_lanes(&self, stmt: &Stmt) -> bool {
        match stmt {
            Stmt::Let(value, inst) => {
                let by_lanes = match inst {
                    Inst::Vector(of) => of.op == VectorOp::Dot4,
                    Inst::Reduce(..) | Inst::Extract(..) => false,
                    _ => true,
                };
                by_lanes && self.function.type_of(*value).is_vector()
            }
            Stmt::Store { value, .. } => self.function.type_of(*value).is_vector(),
            Stmt::Prefetch(..) | Stmt::For(_) => false,
        }
    }

    /// Writes the loop of a group, and empties it.
    fn close(
        &mut self,
        group: &mut Group<'_>,
        facts: &Facts,
        tokens: &mut TokenStream,
    ) -> Result<(), EmitError> {
        let group = std::mem::take(group);
        if group.stmts.is_empty() {
            return Ok(());
        }
        let mut within: BTreeMap<Value, usize> = BTreeMap::new();
        let mut body = TokenStream::new();
        for stmt in &group.stmts {
            each_use(&vec![(*stmt).clone()], &mut |value| {
                *within.entry(value).or_default() += 1;
            });
        }
        // Lanes of vectors from before.
        for value in within.keys() {
            let is_vector = self.function.type_of(*value).is_vector();
            if is_vector && !group.defined.contains(value) {
                let name = self.names.scalar(*value);
                body.extend(quote!(let #name = #name[l];));
            }
        }
        let trits = group.added_trits(facts);
        let mut lanes = 0;
        for stmt in &group.stmts {
            lanes = lanes.max(match stmt {
                Stmt::Let(value, _) => facts.wanted[value.0 as usize],
                Stmt::Store { lanes, .. } => first_lanes(lanes),
                Stmt::Prefetch(..) | Stmt::For(_) => 0,
            });
            match stmt {
                Stmt::Let(value, _) if trits.contains_key(value) => {}
                _ => body.extend(self.lane_stmt(stmt, &trits)?),
            }
        }
        let mut after = TokenStream::new();
        for value in &group.defined {
            let outlasts = facts.uses[value.0 as usize] > within.get(value).copied().unwrap_or(0);
            if !outlasts {
                continue;
            }
            let (name, all) = (self.names.scalar(*value), format_ident!("all{}", value.0));
            let ty = self.variable_type(self.function.type_of(*value));
            let elem = self.function.type_of(*value).elem();
            let zero = self
                .isa
                .zero(elem.ok_or(EmitError::IllTyped { value: *value })?);
            tokens.extend(quote!(let mut #all: #ty = #zero;));
            body.extend(quote!(#all[l] = #name;));
            after.extend(quote!(let #name: #ty = #all;));
        }
        let lanes = size::number(lanes as u64);
        tokens.extend(quote! {
            for l in 0usize..#lanes {
                #body
            }
            #after
        });
        Ok(())
    }

    /// One lane of a statement.
    fn lane_stmt(&mut self, stmt: &Stmt, trits: &Trits) -> Result<TokenStream, EmitError> {
        match stmt {
            Stmt::Let(value, inst) => {
                self.check(*value, inst)?;
                let (name, x) = (self.names.scalar(*value), self.lane(*value, inst, trits)?);
                let elem = self.function.type_of(*value).elem();
                let ty = elem_type(elem.ok_or(EmitError::IllTyped { value: *value })?);
                Ok(quote!(let #name: #ty = #x;))
            }
            Stmt::Store {
                buffer,
                address,
                value,
                lanes,
            } => {
                let x = self.names.scalar(*value);
                let at = self.lane_pointer(*buffer, address);
                // SAFETY: as of a store of a whole register: a lane of it that the statement names.
                let store = quote!(unsafe { *#at = #x };);
                Ok(match self.guard(lanes) {
                    None => store,
                    Some(n) => quote!(if l < #n { #store }),
                })
            }
            Stmt::Prefetch(..) | Stmt::For(_) => Ok(TokenStream::new()),
        }
    }

    /// How many lanes there are, where that is found when the code runs or is less than the loop may ask for.
    fn guard(&self, lanes: &Lanes) -> Option<TokenStream> {
        match lanes {
            Lanes::First(Size::Const(n)) if *n >= LANES as u64 => None,
            Lanes::First(n) => Some(self.lanes_after(n, 0)),
            Lanes::All => None,
        }
    }

    fn lane_pointer(&self, buffer: Buffer, address: &Address) -> TokenStream {
        let at = self.wild_pointer(buffer, address, 0);
        quote!(#at.wrapping_add(l))
    }

    fn lane(&self, value: Value, inst: &Inst, trits: &Trits) -> Result<TokenStream, EmitError> {
        let name = |v: &Value| self.names.scalar(*v);
        let place = |v: &Value| {
            let v = name(v);
            quote!(#v)
        };
        let elem = |v: &Value| {
            let elem = self.function.type_of(*v).elem();
            elem.ok_or(EmitError::IllTyped { value })
        };
        Ok(match inst {
            Inst::Splat(x) => place(x),
            Inst::Iota => quote!(l as i32),
            Inst::Unary(op, x) => scalar::unary(*op, &name(x), |x| self.isa.sqrt(x)),
            Inst::Binary(BinaryOp::Add, sum, trit) if trits.contains_key(trit) => {
                let Trit { codes, bit, x } = trits[trit];
                let code = lane_code(&name(&codes), bit);
                let (sum, x) = (name(sum), name(&x));
                quote!(match #code { 0 => #sum - #x, 2 => #sum + #x, _ => #sum })
            }
            Inst::Binary(op, x, y) => scalar::binary(*op, elem(x)?, &place(x), &place(y)),
            Inst::Shift(_, x, 0) => place(x),
            Inst::Shift(op, x, bits) => scalar::shift(*op, &place(x), *bits),
            Inst::Compare(op, x, y) => scalar::compare(*op, &place(x), &place(y)),
            Inst::Select { mask, on, off } => {
                scalar::select(elem(on)?, &place(mask), &place(on), &place(off))
            }
            Inst::Keep(x, n) => {
                let (x, zero) = (name(x), lane_zero(elem(x)?));
                match self.guard(&Lanes::First(n.clone())) {
                    None => quote!(#x),
                    Some(n) => quote!(if l < #n { #x } else { #zero }),
                }
            }
            Inst::TritSelect { codes, bit, x } => {
                let (code, x) = (lane_code(&name(codes), *bit), name(x));
                quote!(match #code { 0 => -#x, 2 => #x, _ => 0.0 })
            }
            Inst::Load(buffer, address, lanes) => {
                let (at, zero) = (
                    self.lane_pointer(*buffer, address),
                    lane_zero(elem(&value)?),
                );
                // SAFETY: as of a load of a whole register: a lane of it that the statement names.
                let load = quote!(unsafe { *#at });
                match self.guard(lanes) {
                    None => load,
                    Some(n) => quote!(if l < #n { #load } else { #zero }),
                }
            }
            Inst::Vector(of) if of.op == VectorOp::Dot4 => {
                let [acc, codes, x, _] = of.all();
                let [acc, codes, x] = [acc, codes, x].map(|v| name(&v));
                quote!(dot4_lane(#acc, #codes, #x))
            }
            _ => return Err(EmitError::IllTyped { value }),
        })
    }
}

/// The code of a trit, an expression.
fn lane_code(codes: &Ident, bit: u8) -> TokenStream {
    let bit = size::number(bit.into());
    quote!(#codes >> #bit & 3)
}

fn lane_zero(elem: Elem) -> TokenStream {
    match elem {
        Elem::F32 => quote!(0.0),
        Elem::I32 => quote!(0),
    }
}
