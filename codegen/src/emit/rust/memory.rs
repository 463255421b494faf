use super::EmitError;
use super::function::Walk;
use super::size;
use crate::ir::{Address, Buffer, Elem, Lanes, Size, Type, Value};
use proc_macro2::TokenStream;
use quote::quote;

/// What an access does to one register of a vector.
enum Part {
    /// All its lanes.
    Whole,
    /// Its first lanes; an expression for how many, which may be none or too many.
    First(TokenStream),
    /// None of its lanes.
    Nothing,
}

impl Walk<'_> {
    /// The definition of a loaded value.
    pub(super) fn load(
        &self,
        value: Value,
        buffer: Buffer,
        address: &Address,
        lanes: &Lanes,
    ) -> Result<TokenStream, EmitError> {
        let ty = self.function.type_of(value);
        let elem = ty.elem().ok_or(EmitError::IllTyped { value })?;
        if self.function.buffer(buffer).map(|b| b.elem) != Some(elem) {
            return Err(EmitError::IllTyped { value });
        }
        let variable_type = self.variable_type(ty);
        let mut tokens = TokenStream::new();
        for (register, variable) in self.variables(value).iter().enumerate() {
            let x = match self.part(ty, register, lanes) {
                Part::Nothing => self.zero(ty, elem),
                Part::Whole => {
                    let at = self.pointer(buffer, address, register, ty);
                    let x = match ty {
                        Type::Vector(_) => self.isa.load(elem, &at),
                        _ => quote!(*#at),
                    };
                    // SAFETY: the kernel's caller vouches for its buffers, and the verifier for addresses within them.
                    quote!(unsafe { #x })
                }
                Part::First(n) => {
                    let at = self.wild_pointer(buffer, address, register);
                    let x = self.isa.load_first(elem, &at, &n);
                    // SAFETY: as of a whole register, for its first lanes alone.
                    quote!(unsafe { #x })
                }
            };
            tokens.extend(quote!(let #variable: #variable_type = #x;));
        }
        Ok(tokens)
    }

    /// A store.
    pub(super) fn store(
        &self,
        buffer: Buffer,
        address: &Address,
        value: Value,
        lanes: &Lanes,
    ) -> Result<TokenStream, EmitError> {
        let ty = self.function.type_of(value);
        let elem = ty.elem().ok_or(EmitError::IllTyped { value })?;
        if self.function.buffer(buffer).map(|b| b.elem) != Some(elem) {
            return Err(EmitError::IllTyped { value });
        }
        let mut tokens = TokenStream::new();
        for (register, x) in self.variables(value).iter().enumerate() {
            let store = match self.part(ty, register, lanes) {
                Part::Nothing => continue,
                Part::Whole => {
                    let at = self.pointer(buffer, address, register, ty);
                    match ty {
                        Type::Vector(_) => self.isa.store(elem, &at, x),
                        _ => quote!(*#at = #x),
                    }
                }
                Part::First(n) => {
                    let at = self.wild_pointer(buffer, address, register);
                    self.isa.store_first(elem, &at, x, &n)
                }
            };
            // SAFETY: as of loads; the buffer is one that is written.
            tokens.extend(quote!(unsafe { #store };));
        }
        Ok(tokens)
    }

    /// A prefetch, nothing where the tier has none.
    pub(super) fn prefetch(&self, buffer: Buffer, address: &Address) -> TokenStream {
        let at = self.wild_pointer(buffer, address, 0);
        self.isa.prefetch(&at).unwrap_or_default()
    }

    fn zero(&self, ty: Type, elem: Elem) -> TokenStream {
        match (ty, elem) {
            (Type::Vector(_), _) => self.isa.zero(elem),
            (_, Elem::F32) => quote!(0.0f32),
            (_, Elem::I32) => quote!(0),
        }
    }

    fn part(&self, ty: Type, register: usize, lanes: &Lanes) -> Part {
        let n = match lanes {
            Lanes::First(n) => n,
            Lanes::All => return Part::Whole,
        };
        if !ty.is_vector() {
            return Part::Whole;
        }
        let width = self.isa.lanes();
        let before = (register * width) as u64;
        match n.as_const().map(|n| n.saturating_sub(before)) {
            Some(0) => Part::Nothing,
            Some(n) if n >= width as u64 => Part::Whole,
            Some(n) => Part::First(size::number(n)),
            None => Part::First(self.lanes_after(n, before)),
        }
    }

    /// How many of `n` lanes are left after the first `before`.
    pub(super) fn lanes_after(&self, n: &Size, before: u64) -> TokenStream {
        size::size(self.names, &n.clone().sub(before))
    }

    /// A pointer to a register's first lane, which exists.
    fn pointer(&self, buffer: Buffer, address: &Address, register: usize, ty: Type) -> TokenStream {
        let name = self.names.buffer(buffer);
        let moved = moved(address, register * self.isa.lanes());
        if moved.terms.is_empty() && moved.base == Size::ZERO && ty.is_vector() {
            return quote!(#name);
        }
        let offset = size::offset(self.names, &moved);
        quote!(#name.add(#offset))
    }

    /// A pointer to a register's first lane, which need not exist.
    pub(super) fn wild_pointer(
        &self,
        buffer: Buffer,
        address: &Address,
        register: usize,
    ) -> TokenStream {
        let name = self.names.buffer(buffer);
        let offset = size::offset(self.names, &moved(address, register * self.isa.lanes()));
        quote!(#name.wrapping_add(#offset))
    }
}

/// An address moved by a number of elements.
fn moved(address: &Address, elements: usize) -> Address {
    address.clone().offset(elements as u64)
}
