use super::EmitError;
use super::frame::{LINES, frame};
use super::isa::{Helper, Isa};
use super::lanes::Facts;
use super::names::{Names, parameter};
use super::{base3, packed, size};
use crate::emit::bytes::SmallBytes;
use crate::ir::{Access, Block, Elem, Function, Inst, Loop, Size, Stmt, Type, Value, VectorOp};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{format_ident, quote};
use std::collections::{BTreeMap, BTreeSet};

/// The item of a function, which carries its helpers.
pub(super) fn item(function: &Function, isa: &dyn Isa) -> Result<TokenStream, EmitError> {
    let Emitted { head, body, .. } = emitted(function, isa, None)?;
    let helpers = used_helpers(isa, &body).into_iter().map(|h| h.item);
    let imports = isa.imports();
    Ok(quote! {
        #head {
            #imports
            #(#helpers)*
            #body
        }
    })
}

/// A function before it has its helpers.
pub(super) struct Emitted {
    /// All up to the body.
    pub(super) head: TokenStream,
    /// What is in the body.
    pub(super) body: TokenStream,
}

/// A function lane by lane where `lanes` says what it has to know.
pub(super) fn emitted(
    function: &Function,
    isa: &dyn Isa,
    lanes: Option<&Facts>,
) -> Result<Emitted, EmitError> {
    let names = Names::new(function, &helper_names(isa))?;
    let mut walk = Walk {
        function,
        isa,
        names: &names,
        shared: Shared::default(),
        lane_masks: BTreeSet::new(),
        small_bytes: SmallBytes::of(function),
        lanes,
    };
    let body = walk.block(&function.body)?;
    let name = parameter(&function.name)?;
    let (parameters, dims) = parameters(function, &names);
    let feature = isa
        .features()
        .map(|features| quote!(#[target_feature(enable = #features)]));
    let docs = docs(function, isa, &names);
    let frame = frame(function, isa, &names);
    Ok(Emitted {
        head: quote! {
            #(#[doc = #docs])*
            #feature
            pub unsafe extern "C" fn #name(#parameters)
        },
        body: quote!(#dims #frame #body),
    })
}

/// The parameter list, and the statements that make dimensions `usize`.
pub(super) fn parameters(function: &Function, names: &Names) -> (TokenStream, TokenStream) {
    let mut list = TokenStream::new();
    for (i, buffer) in function.buffers.iter().enumerate() {
        let name = names.buffer(crate::ir::Buffer(i as u32));
        let elem = elem_type(buffer.elem);
        list.extend(match buffer.access {
            Access::In => quote!(#name: *const #elem,),
            Access::Out | Access::InOut => quote!(#name: *mut #elem,),
        });
    }
    let mut dims = TokenStream::new();
    for i in 0..function.dims.len() {
        let name = names.dim(crate::ir::Dim(i as u32));
        list.extend(quote!(#name: u64,));
        dims.extend(quote!(let #name = #name as usize;));
    }
    for i in 0..function.scalars.len() {
        let name = names.param(i as u32);
        list.extend(quote!(#name: f32,));
    }
    (list, dims)
}

pub(super) fn docs(function: &Function, isa: &dyn Isa, names: &Names) -> Vec<String> {
    let mut docs = vec![
        format!(" The kernel `{}`, generated.", function.name),
        String::new(),
        " # Safety".to_owned(),
    ];
    if let Some(features) = isa.features() {
        docs.push(format!(" The CPU has {}.", features.replace(',', ", ")));
    }
    docs.push(" Buffers do not overlap; each is valid for its length in elements:".to_owned());
    for (i, buffer) in function.buffers.iter().enumerate() {
        let access = match buffer.access {
            Access::In => "read",
            Access::Out => "written",
            Access::InOut => "read and written",
        };
        let len = size::text(names, &buffer.len);
        let name = names.buffer(crate::ir::Buffer(i as u32));
        docs.push(format!(" - `{name}`: `{len}`, {access}"));
    }
    docs
}

/// All helpers, each behind those that it calls.
fn helpers(isa: &dyn Isa) -> Vec<Helper> {
    let mut helpers = isa.helpers();
    helpers.extend(base3::helpers(isa));
    helpers.push(packed::shuffle16_helper());
    helpers
}

/// The names of functions that a kernel's body may have, which would hide parameters of these names.
pub(super) fn helper_names(isa: &dyn Isa) -> Vec<&'static str> {
    let helpers = helpers(isa);
    let names = helpers.iter().map(|helper| helper.name);
    names.chain([LINES]).collect()
}

/// The helpers that `body` names, and those that they name.
pub(super) fn used_helpers(isa: &dyn Isa, body: &TokenStream) -> Vec<Helper> {
    let mut used = BTreeSet::new();
    identifiers(body.clone(), &mut used);
    let mut items = Vec::new();
    for helper in helpers(isa).into_iter().rev() {
        if used.contains(helper.name) {
            identifiers(helper.item.clone(), &mut used);
            items.push(helper);
        }
    }
    items.reverse();
    items
}

fn identifiers(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                found.insert(ident.to_string());
            }
            TokenTree::Group(group) => identifiers(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The Rust type of an element.
pub(super) fn elem_type(elem: Elem) -> TokenStream {
    match elem {
        Elem::F32 => quote!(f32),
        Elem::I32 => quote!(i32),
    }
}

/// A traversal of one function for one tier.
pub(super) struct Walk<'a> {
    pub(super) function: &'a Function,
    pub(super) isa: &'a dyn Isa,
    pub(super) names: &'a Names,
    pub(super) shared: Shared,
    /// Vectors whose lanes are known to be 0 or -1.
    pub(super) lane_masks: BTreeSet<Value>,
    pub(super) small_bytes: SmallBytes,
    /// Set where vectors are worked on lane by lane.
    pub(super) lanes: Option<&'a Facts>,
}

fn finds_base3(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Let(_, Inst::Vector(inst)) => matches!(inst.op, VectorOp::Base3(_)),
        _ => false,
    }
}

/// Whether a statement has to come after those of a run: it may take what they define, or do something
/// that is seen.
fn waits_for(stmt: &Stmt, run: &[(Value, &Inst)]) -> bool {
    match stmt {
        Stmt::Let(_, inst) => {
            let mut takes = false;
            inst.for_each_value(|value| takes |= run.iter().any(|(made, _)| *made == value));
            takes
        }
        Stmt::Prefetch(..) => false,
        Stmt::Store { .. } | Stmt::For(_) => true,
    }
}

/// What trit selects of the enclosing blocks have made already.
#[derive(Clone, Default)]
pub(super) struct Shared {
    /// By scalar and number of the table.
    pub(super) tables: BTreeMap<(Value, u8), Ident>,
    /// By codes and number of the index, one a register.
    pub(super) indices: BTreeMap<(Value, u8), Vec<Ident>>,
}

impl Walk<'_> {
    /// The variables of a value, one each register.
    pub(super) fn variables(&self, value: Value) -> Vec<Ident> {
        let ty = self.function.type_of(value);
        self.names.variables(value, ty, self.isa.registers())
    }

    /// The type of a value's variables.
    pub(super) fn variable_type(&self, ty: Type) -> TokenStream {
        match ty {
            Type::Index => quote!(usize),
            Type::Scalar(elem) => elem_type(elem),
            Type::Vector(elem) => self.isa.register(elem),
        }
    }

    /// Scalars of buffers that are only read are loaded where they are wanted, so that few registers
    /// hold them: LLVM keeps the order of loads. Where the tier says so, base-3 codes and what is made of them
    /// are found register by register, so that few hold what lies between.
    pub(super) fn block(&mut self, block: &Block) -> Result<TokenStream, EmitError> {
        if let Some(facts) = self.lanes {
            return self.block_by_lanes(block, facts);
        }
        let outer = self.shared.clone();
        let mut tokens = TokenStream::new();
        let mut later: Vec<(Value, &Inst)> = Vec::new();
        let by_registers = self.isa.by_registers() && block.iter().any(finds_base3);
        let mut run: Vec<(Value, &Inst)> = Vec::new();
        for stmt in block {
            match stmt {
                Stmt::Let(value, inst @ Inst::Load(buffer, ..))
                    if !self.function.type_of(*value).is_vector()
                        && self.function.is_only_read(*buffer) =>
                {
                    later.push((*value, inst));
                    continue;
                }
                Stmt::Let(_, inst) => {
                    let mut used = BTreeSet::new();
                    inst.for_each_value(|value| {
                        used.insert(value);
                    });
                    for (value, inst) in later.extract_if(.., |(value, _)| used.contains(value)) {
                        tokens.extend(self.definition(value, inst)?);
                    }
                }
                Stmt::Store { .. } | Stmt::Prefetch(..) | Stmt::For(_) => {
                    for (value, inst) in later.drain(..) {
                        tokens.extend(self.definition(value, inst)?);
                    }
                }
            }
            if let Stmt::Let(value, inst) = stmt
                && by_registers
                && self.joins(*value, inst)
            {
                run.push((*value, inst));
                continue;
            }
            if waits_for(stmt, &run) {
                tokens.extend(self.run(&std::mem::take(&mut run))?);
            }
            tokens.extend(match stmt {
                Stmt::Let(value, inst) => self.definition(*value, inst)?,
                Stmt::Store {
                    buffer,
                    address,
                    value,
                    lanes,
                } => self.store(*buffer, address, *value, lanes)?,
                Stmt::Prefetch(buffer, address) => self.prefetch(*buffer, address),
                Stmt::For(l) => self.for_loop(l)?,
            });
        }
        tokens.extend(self.run(&run)?);
        for (value, inst) in later {
            tokens.extend(self.definition(value, inst)?);
        }
        self.shared = outer;
        Ok(tokens)
    }

    pub(super) fn for_loop(&mut self, l: &Loop) -> Result<TokenStream, EmitError> {
        let body = self.block(&l.body)?;
        let mut tokens = TokenStream::new();
        for carried in &l.carried {
            let ty = self.variable_type(self.function.type_of(carried.param));
            let inits = self.variables(carried.init);
            for (param, init) in self.variables(carried.param).iter().zip(inits) {
                tokens.extend(quote!(let mut #param: #ty = #init;));
            }
        }
        let trip = size::size(self.names, &l.trip);
        let counter = self.counter(l, &body);
        let step = self.step(l);
        let repeated = quote! {
            for #counter in 0..#trip {
                #body
                #step
            }
        };
        tokens.extend(match l.when {
            None => repeated,
            Some(when) => {
                let when = self.names.scalar(when);
                let once = l.trip == Size::ONE && counter == "_";
                let repeated = if once { quote!(#body #step) } else { repeated };
                quote!(if #when != 0 { #repeated })
            }
        });
        for carried in &l.carried {
            let params = self.variables(carried.param);
            for (result, param) in self.variables(carried.result).iter().zip(params) {
                tokens.extend(quote!(let #result = #param;));
            }
        }
        Ok(tokens)
    }

    /// The counter's variable, `_` if nothing reads it.
    fn counter(&self, l: &Loop, body: &TokenStream) -> Ident {
        let counter = self.names.scalar(l.counter);
        let carried = l.carried.iter().any(|c| c.next == l.counter);
        let mut used = BTreeSet::new();
        identifiers(body.clone(), &mut used);
        if carried || used.contains(&counter.to_string()) {
            counter
        } else {
            format_ident!("_")
        }
    }

    /// The assignments that end an iteration.
    fn step(&self, l: &Loop) -> TokenStream {
        let mut params = Vec::new();
        let mut nexts = Vec::new();
        for carried in l.carried.iter().filter(|c| c.next != c.param) {
            params.extend(self.variables(carried.param));
            nexts.extend(self.variables(carried.next));
        }
        // Where one carried value becomes another, all must be read before any is written.
        if nexts.iter().any(|next| params.contains(next)) {
            quote!((#(#params,)*) = (#(#nexts,)*);)
        } else {
            quote!(#(#params = #nexts;)*)
        }
    }
}
