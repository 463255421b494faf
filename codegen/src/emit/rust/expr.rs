use super::EmitError;
use super::function::Walk;
use super::{base3, scalar, size};
use crate::ir::{BinaryOp, Elem, Inst, PackedOp, ReduceOp, Size, Type, UnaryOp, Value, VectorOp};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// The operands of an instruction, register by register: `[register][operand]`.
type Operands = Vec<Vec<Ident>>;

impl Walk<'_> {
    /// The statements that define a value.
    pub(super) fn definition(
        &mut self,
        value: Value,
        inst: &Inst,
    ) -> Result<TokenStream, EmitError> {
        self.check(value, inst)?;
        match inst {
            Inst::Load(buffer, address, lanes) => self.load(value, *buffer, address, lanes),
            Inst::TritSelect { codes, bit, x } => Ok(self.trit_select(value, *codes, *bit, *x)),
            Inst::Reduce(_, x) if self.function.type_of(*x) == Type::I32X16 => {
                Ok(self.sum_i32(value, *x))
            }
            Inst::Reduce(op, x) => Ok(self.reduce(value, *op, *x)),
            Inst::Vector(of) => match of.op {
                VectorOp::Narrow => Ok(self.narrow(value, of.all())),
                VectorOp::Lookup => {
                    let [table, index, ..] = of.all();
                    Ok(self.lookup(value, table, index, of.bit))
                }
                VectorOp::Spread => Ok(self.spread(value, of.all()[0])),
                VectorOp::Shuffle16 => {
                    let [low, high, index, _] = of.all();
                    Ok(self.shuffle16(value, [low, high], index))
                }
                VectorOp::Dot4 | VectorOp::Base3(_) | VectorOp::Packed(_) => {
                    self.vector(value, inst)
                }
            },
            _ if self.function.type_of(value).is_vector() => self.vector(value, inst),
            _ => self.scalar(value, inst),
        }
    }

    /// Whether an instruction computes each register of a vector from the same of its operands.
    pub(super) fn joins(&self, value: Value, inst: &Inst) -> bool {
        let lane_wise = match inst {
            Inst::Unary(..)
            | Inst::Binary(..)
            | Inst::Shift(..)
            | Inst::Compare(..)
            | Inst::Select { .. } => true,
            Inst::Vector(inst) => matches!(
                inst.op,
                VectorOp::Dot4 | VectorOp::Base3(_) | VectorOp::Packed(_)
            ),
            _ => false,
        };
        lane_wise && self.function.type_of(value).is_vector()
    }

    /// Instructions that [join](Walk::joins), register by register.
    pub(super) fn run(&mut self, run: &[(Value, &Inst)]) -> Result<TokenStream, EmitError> {
        for (value, inst) in run {
            self.check(*value, inst)?;
            self.note_lane_mask(*value, inst);
        }
        let mut tokens = TokenStream::new();
        for register in 0..self.isa.registers() {
            for (value, inst) in run {
                let operands = &self.operands(inst)[register];
                let x = self.register(*value, inst, register, operands)?;
                let variable = &self.variables(*value)[register];
                let ty = self.variable_type(self.function.type_of(*value));
                tokens.extend(quote!(let #variable: #ty = #x;));
            }
        }
        Ok(tokens)
    }

    fn scalar(&self, value: Value, inst: &Inst) -> Result<TokenStream, EmitError> {
        let name = |v: &Value| self.names.scalar(*v);
        let place = |v: &Value| {
            let v = name(v);
            quote!(#v)
        };
        let x = match inst {
            Inst::F32(bits) => scalar::f32_literal(*bits),
            Inst::I32(x) => scalar::i32_literal(*x),
            Inst::SizeF32(n) => {
                let n = size::size_atom(self.names, n);
                quote!(#n as f32)
            }
            Inst::Param(number) => {
                let param = self.names.param(*number);
                quote!(#param)
            }
            Inst::Unary(op, x) => scalar::unary(*op, &name(x), |x| self.isa.sqrt(x)),
            Inst::Binary(op, x, y) => {
                scalar::binary(*op, self.elem(value, *x)?, &place(x), &place(y))
            }
            Inst::Shift(_, x, 0) => place(x),
            Inst::Shift(op, x, bits) => scalar::shift(*op, &place(x), *bits),
            Inst::Compare(op, x, y) => scalar::compare(*op, &place(x), &place(y)),
            Inst::Select { mask, on, off } => {
                let elem = self.elem(value, *on)?;
                scalar::select(elem, &place(mask), &place(on), &place(off))
            }
            Inst::Extract(x, lane) => {
                let width = self.isa.lanes();
                let lane = usize::from(*lane);
                let register = &self.variables(*x)[lane / width];
                let elem = self.elem(value, *x)?;
                self.isa.extract(elem, register, lane % width)
            }
            Inst::ToIndex(x) => {
                let x = name(x);
                quote!(#x as usize)
            }
            Inst::FromIndex(x) => {
                let x = name(x);
                quote!(#x as i32)
            }
            _ => return Err(EmitError::IllTyped { value }),
        };
        let (variable, ty) = (
            name(&value),
            self.variable_type(self.function.type_of(value)),
        );
        Ok(quote!(let #variable: #ty = #x;))
    }

    fn vector(&mut self, value: Value, inst: &Inst) -> Result<TokenStream, EmitError> {
        self.note_lane_mask(value, inst);
        let operands = self.operands(inst);
        let ty = self.variable_type(self.function.type_of(value));
        let mut tokens = TokenStream::new();
        for (register, variable) in self.variables(value).iter().enumerate() {
            let operands = operands.get(register).map_or(&[][..], |o| o);
            let x = self.register(value, inst, register, operands)?;
            tokens.extend(quote!(let #variable: #ty = #x;));
        }
        Ok(tokens)
    }

    /// One register of a vector.
    fn register(
        &self,
        value: Value,
        inst: &Inst,
        register: usize,
        operands: &[Ident],
    ) -> Result<TokenStream, EmitError> {
        let isa = self.isa;
        let elem = |v: &Value| self.elem(value, *v);
        let first = register * isa.lanes();
        Ok(match (inst, operands) {
            (Inst::Iota, _) => isa.iota(first),
            (Inst::Splat(x), _) => isa.splat(elem(x)?, &self.names.scalar(*x)),
            (Inst::Unary(op, _), [x]) => isa.unary(*op, x),
            (Inst::Binary(op, v, _), [x, y]) => isa.binary(*op, elem(v)?, x, y),
            (Inst::Shift(_, _, 0), [x]) => quote!(#x),
            (Inst::Shift(op, _, bits), [x]) => isa.shift(*op, x, *bits),
            (Inst::Compare(op, v, _), [x, y]) => isa.compare(*op, elem(v)?, x, y),
            (Inst::Select { mask, on: v, .. }, [m, on, off]) => {
                if self.lane_masks.contains(mask) {
                    isa.select_lanes(elem(v)?, m, on, off)
                } else {
                    isa.select(elem(v)?, m, on, off)
                }
            }
            (Inst::Vector(inst), operands) => match (inst.op, operands) {
                (VectorOp::Dot4, [acc, codes, x]) => {
                    let is_small = self.small_bytes.contains(inst.operands()[1]);
                    isa.dot4(acc, codes, x, is_small)
                }
                (VectorOp::Base3(part), [x]) => {
                    let native = isa.base3(part, x);
                    native.unwrap_or_else(|| base3::call(part, x))
                }
                (VectorOp::Packed(PackedOp::Pairs), [codes, x]) => {
                    let is_small = self.small_bytes.contains(inst.operands()[0]);
                    isa.pairs(codes, x, is_small)
                }
                (VectorOp::Packed(op), operands) => isa.packed(op, operands),
                _ => return Err(EmitError::IllTyped { value }),
            },
            (Inst::Keep(v, n), [x]) => self.keep(elem(v)?, x, n, first as u64),
            _ => return Err(EmitError::IllTyped { value }),
        })
    }

    fn keep(&self, elem: Elem, x: &Ident, n: &Size, before: u64) -> TokenStream {
        match n.as_const().map(|n| n.saturating_sub(before)) {
            Some(0) => self.isa.zero(elem),
            Some(n) if n >= self.isa.lanes() as u64 => quote!(#x),
            _ => self.isa.keep(elem, x, &self.lanes_after(n, before)),
        }
    }

    fn operands(&self, inst: &Inst) -> Operands {
        let mut registers: Operands = vec![Vec::new(); self.isa.registers()];
        inst.for_each_value(|v| {
            if self.function.type_of(v).is_vector() {
                for (operands, variable) in registers.iter_mut().zip(self.variables(v)) {
                    operands.push(variable);
                }
            }
        });
        registers
    }

    fn note_lane_mask(&mut self, value: Value, inst: &Inst) {
        let is_mask = match inst {
            Inst::Compare(..) => true,
            Inst::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, x, y) => {
                self.lane_masks.contains(x) && self.lane_masks.contains(y)
            }
            _ => false,
        };
        if is_mask {
            self.lane_masks.insert(value);
        }
    }

    /// The fixed tree: registers first, halving their number, then inside the last one.
    fn reduce(&self, value: Value, op: ReduceOp, x: Value) -> TokenStream {
        let fold = match op {
            ReduceOp::Add => BinaryOp::Add,
            ReduceOp::Max => BinaryOp::Max,
        };
        let ty = self.isa.register(Elem::F32);
        let mut tokens = TokenStream::new();
        let mut registers = self.variables(x);
        let mut count = 0usize;
        while registers.len() > 1 {
            let (low, high) = registers.split_at(registers.len() / 2);
            let mut half = Vec::new();
            for (x, y) in low.iter().zip(high) {
                let sum = format_ident!("v{}_{}", value.0, count);
                let folded = self.isa.binary(fold, Elem::F32, x, y);
                tokens.extend(quote!(let #sum: #ty = #folded;));
                half.push(sum);
                count += 1;
            }
            registers = half;
        }
        let variable = self.names.scalar(value);
        let last = self.isa.reduce(op, &registers[0]);
        tokens.extend(quote!(let #variable: f32 = #last;));
        tokens
    }

    /// The sum of all lanes of i32, in any order, since it wraps.
    fn sum_i32(&self, value: Value, x: Value) -> TokenStream {
        let ty = self.isa.register(Elem::I32);
        let mut tokens = TokenStream::new();
        let registers = self.variables(x);
        let mut sum = registers[0].clone();
        for (count, x) in registers[1..].iter().enumerate() {
            let next = format_ident!("v{}_{}", value.0, count);
            let added = self.isa.binary(BinaryOp::Add, Elem::I32, &sum, x);
            tokens.extend(quote!(let #next: #ty = #added;));
            sum = next;
        }
        let variable = self.names.scalar(value);
        let last = self.isa.sum_i32(&sum);
        tokens.extend(quote!(let #variable: i32 = #last;));
        tokens
    }

    fn narrow(&self, value: Value, parts: [Value; 4]) -> TokenStream {
        let ty = self.isa.register(Elem::I32);
        let parts = parts.map(|part| self.variables(part));
        let registers = self.variables(value).into_iter().enumerate();
        let narrowed = registers.map(|(register, variable)| {
            let x = self.isa.narrow(&parts, register);
            quote!(let #variable: #ty = #x;)
        });
        narrowed.collect()
    }

    fn lookup(&self, value: Value, table: Value, index: Value, bit: u8) -> TokenStream {
        let ty = self.isa.register(Elem::I32);
        let table = self.variables(table);
        let registers = self.variables(value).into_iter().zip(self.variables(index));
        let found = registers.map(|(variable, index)| {
            let x = self.isa.lookup(&table, &index, bit);
            quote!(let #variable: #ty = #x;)
        });
        found.collect()
    }

    fn spread(&self, value: Value, x: Value) -> TokenStream {
        let ty = self.isa.register(Elem::I32);
        let first = &self.variables(x)[0];
        let x = self.isa.spread(first);
        let registers = self.variables(value).into_iter();
        registers
            .map(|variable| quote!(let #variable: #ty = #x;))
            .collect()
    }

    fn shuffle16(&self, value: Value, tables: [Value; 2], index: Value) -> TokenStream {
        let ty = self.isa.register(Elem::I32);
        let [low, high] = tables.map(|table| self.variables(table));
        let registers = self.variables(value).into_iter().zip(self.variables(index));
        let found = registers.map(|(variable, index)| {
            let x = self.isa.shuffle16([&low, &high], &index);
            quote!(let #variable: #ty = #x;)
        });
        found.collect()
    }

    fn trit_select(&mut self, value: Value, codes: Value, bit: u8, x: Value) -> TokenStream {
        let mut tokens = TokenStream::new();
        let table = self.trit_table(bit, x, &mut tokens);
        let index = self.trit_index(bit, codes, &mut tokens);
        let ty = self.isa.register(Elem::F32);
        for (variable, index) in self.variables(value).iter().zip(&index) {
            let x = self.isa.trit_select(bit, index, &table);
            tokens.extend(quote!(let #variable: #ty = #x;));
        }
        tokens
    }

    fn trit_table(&mut self, bit: u8, x: Value, tokens: &mut TokenStream) -> Ident {
        let (number, made) = self.isa.trit_table(bit, &self.names.scalar(x));
        let ty = self.isa.trit_table_type();
        let new = || {
            let name = format_ident!("table{}_{}", x.0, number);
            tokens.extend(quote!(let #name: #ty = #made;));
            name
        };
        let tables = &mut self.shared.tables;
        tables.entry((x, number)).or_insert_with(new).clone()
    }

    fn trit_index(&mut self, bit: u8, codes: Value, tokens: &mut TokenStream) -> Vec<Ident> {
        let variables = match self.isa.trit_index_first(bit) {
            Some(first) => self.trit_index(first, codes, tokens),
            None => self.variables(codes),
        };
        let ty = self.isa.register(Elem::I32);
        let mut made = Vec::new();
        for (register, codes_register) in variables.iter().enumerate() {
            let Some((number, index)) = self.isa.trit_index(bit, codes_register) else {
                return variables;
            };
            if let Some(shared) = self.shared.indices.get(&(codes, number)) {
                return shared.clone();
            }
            let name = format_ident!("index{}_{}_{}", codes.0, number, register);
            tokens.extend(quote!(let #name: #ty = #index;));
            made.push((number, name));
        }
        let number = made.first().map_or(0, |(number, _)| *number);
        let names: Vec<Ident> = made.into_iter().map(|(_, name)| name).collect();
        self.shared.indices.insert((codes, number), names.clone());
        names
    }

    /// The element type of an operand of the instruction that defines `value`.
    fn elem(&self, value: Value, operand: Value) -> Result<Elem, EmitError> {
        let ty = self.function.type_of(operand);
        ty.elem().ok_or(EmitError::IllTyped { value })
    }

    /// Refuses operand types for which a tier has no expression.
    pub(super) fn check(&self, value: Value, inst: &Inst) -> Result<(), EmitError> {
        let ty = |v: &Value| self.function.type_of(*v);
        let is = |v: &Value, elem| ty(v).elem() == Some(elem);
        let result = ty(&value);
        let fits = match inst {
            Inst::Unary(UnaryOp::ToFloat | UnaryOp::FromBits, x) => {
                is(x, Elem::I32) && result == ty(x).with_elem(Elem::F32)
            }
            Inst::Unary(UnaryOp::ToBits, x) => {
                is(x, Elem::F32) && result == ty(x).with_elem(Elem::I32)
            }
            Inst::Unary(_, x) => is(x, Elem::F32) && result == ty(x),
            Inst::Binary(op, x, y) => ty(x) == ty(y) && result == ty(x) && takes(*op, ty(x).elem()),
            Inst::Shift(_, x, bits) => *bits < 32 && is(x, Elem::I32) && result == ty(x),
            Inst::Compare(_, x, y) => ty(x) == ty(y) && result == ty(x).with_elem(Elem::I32),
            Inst::Select { mask, on, off } => {
                ty(on) == ty(off) && result == ty(on) && ty(mask) == ty(on).with_elem(Elem::I32)
            }
            Inst::Splat(x) => ty(x) != Type::Index && !ty(x).is_vector() && result.is_vector(),
            Inst::Reduce(ReduceOp::Add, x) => {
                ty(x).is_vector() && ty(x).elem().map(Type::Scalar) == Some(result)
            }
            Inst::Reduce(ReduceOp::Max, x) => ty(x) == Type::F32X16 && result == Type::F32,
            Inst::Vector(inst) => {
                let names = inst.bit <= inst.op.greatest_bit().unwrap_or(0);
                let mut types = inst.operands().iter().map(ty);
                names && result == Type::I32X16 && types.all(|ty| ty == Type::I32X16)
            }
            Inst::Extract(x, lane) => ty(x).is_vector() && *lane < 16 && !result.is_vector(),
            Inst::Keep(x, _) => ty(x).is_vector() && result == ty(x),
            Inst::TritSelect { codes, bit, x } => {
                let types = (ty(codes), ty(x), result);
                types == (Type::I32X16, Type::F32, Type::F32X16) && *bit <= 30 && *bit % 2 == 0
            }
            Inst::ToIndex(x) => ty(x) == Type::I32 && result == Type::Index,
            Inst::FromIndex(x) => ty(x) == Type::Index && result == Type::I32,
            Inst::Iota => result == Type::I32X16,
            Inst::F32(_) | Inst::SizeF32(_) | Inst::Param(_) => result == Type::F32,
            Inst::I32(_) => result == Type::I32,
            Inst::Load(..) => result != Type::Index,
        };
        if fits {
            Ok(())
        } else {
            Err(EmitError::IllTyped { value })
        }
    }
}

/// Whether an operation exists for an element type.
fn takes(op: BinaryOp, elem: Option<Elem>) -> bool {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul => elem.is_some(),
        BinaryOp::Div | BinaryOp::Max | BinaryOp::Min => elem == Some(Elem::F32),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => elem == Some(Elem::I32),
    }
}
