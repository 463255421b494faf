//! The text of functions and their parts.

use super::mnemonic::Mnemonic;
use crate::ir::{
    Address, Block, BufferParam, Carried, Function, Inst, Lanes, Loop, Size, Stmt, Type, Value,
};
use std::fmt::{self, Display, Formatter};

/// A part of a function with the function's names at hand, see [`Function::show`].
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a, T> {
    function: &'a Function,
    part: &'a T,
}

impl Function {
    /// The text of a part of this function: a [`Size`], [`Address`], [`Inst`], [`Stmt`]
    /// (a loop without its body) or [`BufferParam`].
    ///
    /// Names that do not exist show as `?`, so that broken functions print too.
    pub fn show<'a, T>(&'a self, part: &'a T) -> Shown<'a, T>
    where
        Shown<'a, T>: Display,
    {
        self.shown(part)
    }

    fn shown<'a, T>(&'a self, part: &'a T) -> Shown<'a, T> {
        Shown {
            function: self,
            part,
        }
    }

    fn buffer_name(&self, buffer: crate::ir::Buffer) -> &str {
        let param = self.buffer(buffer);
        param.map_or("?", |p| p.name.as_str())
    }
}

/// The text form; [`super::parse`] reads it back.
impl Display for Function {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "kernel {}({})", self.name, self.dims.join(", "))?;
        if !self.scalars.is_empty() {
            let names: Vec<&str> = self.scalars.iter().map(|s| s.name.as_str()).collect();
            write!(f, " scalars({})", names.join(", "))?;
        }
        f.write_str(" {\n")?;
        for buffer in &self.buffers {
            writeln!(f, "  {}", self.shown(buffer))?;
        }
        for memory in &self.scratch {
            writeln!(
                f,
                "  scratch {}: {}[{}]",
                memory.name,
                memory.elem,
                self.shown(&memory.len)
            )?;
        }
        if self.memories().next().is_some() && !self.body.is_empty() {
            f.write_str("\n")?;
        }
        write_block(f, self, &self.body, 1)?;
        f.write_str("}")
    }
}

fn write_block(
    f: &mut Formatter<'_>,
    function: &Function,
    block: &Block,
    deep: usize,
) -> fmt::Result {
    for stmt in block {
        write!(f, "{:1$}{2}", "", 2 * deep, function.shown(stmt))?;
        if let Stmt::For(l) = stmt {
            f.write_str(" {\n")?;
            write_block(f, function, &l.body, deep + 1)?;
            if !l.carried.is_empty() {
                write!(f, "{:1$}yield ", "", 2 * deep + 2)?;
                write_list(f, &l.carried, |f, c| write!(f, "{}", c.next))?;
                f.write_str("\n")?;
            }
            write!(f, "{:1$}}}", "", 2 * deep)?;
        }
        f.write_str("\n")?;
    }
    Ok(())
}

fn write_list<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    mut write_item: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write_item(f, item)?;
    }
    Ok(())
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

impl Display for Shown<'_, BufferParam> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let BufferParam {
            name,
            access,
            elem,
            len,
        } = self.part;
        let len = self.function.shown(len);
        write!(f, "{} {name}: {elem}[{len}]", access.word())
    }
}

/// A value where it is defined: `%3: f32x16`.
struct Definition<'a>(&'a Function, Value);

impl Display for Definition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.types.get(self.1.0 as usize) {
            Some(ty) => write!(f, "{}: {ty}", self.1),
            None => write!(f, "{}: ?", self.1),
        }
    }
}

impl Display for Shown<'_, Stmt> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let function = self.function;
        match self.part {
            Stmt::Let(value, inst) => {
                write!(
                    f,
                    "{} = {}",
                    Definition(function, *value),
                    function.shown(inst)
                )
            }
            Stmt::Store {
                buffer,
                address,
                value,
                lanes,
            } => {
                let (name, address) = (function.buffer_name(*buffer), function.shown(address));
                write!(f, "store {name}[{address}] = {value}")?;
                write!(f, "{}", function.shown(lanes))
            }
            Stmt::Prefetch(buffer, address) => {
                let (name, address) = (function.buffer_name(*buffer), function.shown(address));
                write!(f, "prefetch {name}[{address}]")
            }
            Stmt::For(l) => write_loop_head(f, function, l),
        }
    }
}

fn write_loop_head(f: &mut Formatter<'_>, function: &Function, l: &Loop) -> fmt::Result {
    if !l.carried.is_empty() {
        write_list(f, &l.carried, |f, c| {
            write!(f, "{}", Definition(function, c.result))
        })?;
        f.write_str(" = ")?;
    }
    // A counter is an index in every valid function, so only another type is worth a word.
    match function.types.get(l.counter.0 as usize) {
        Some(Type::Index) => write!(f, "for {}", l.counter)?,
        _ => write!(f, "for {}", Definition(function, l.counter))?,
    }
    write!(f, " in 0..{}", function.shown(&l.trip))?;
    if let Some(when) = l.when {
        write!(f, " when {when}")?;
    }
    if l.unroll != 1 {
        write!(f, " unroll {}", l.unroll)?;
    }
    if !l.carried.is_empty() {
        f.write_str(" carry ")?;
        write_list(f, &l.carried, |f, Carried { param, init, .. }| {
            write!(f, "{} = {init}", Definition(function, *param))
        })?;
    }
    Ok(())
}

impl Display for Shown<'_, Inst> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let function = self.function;
        match self.part {
            Inst::F32(bits) => {
                f.write_str("const.f32 ")?;
                write_f32(f, *bits)
            }
            Inst::I32(x) => write!(f, "const.i32 {x}"),
            Inst::SizeF32(size) => write!(f, "size.f32 {}", function.shown(size)),
            Inst::Param(number) => {
                let scalar = function.scalars.get(*number as usize);
                write!(f, "param {}", scalar.map_or("?", |s| s.name.as_str()))
            }
            Inst::Splat(x) => write!(f, "splat {x}"),
            Inst::Iota => f.write_str("iota"),
            Inst::Unary(op, x) => write!(f, "{} {x}", op.word()),
            Inst::Binary(op, x, y) => write!(f, "{} {x}, {y}", op.word()),
            Inst::Shift(op, x, bits) => write!(f, "{} {x}, {bits}", op.word()),
            Inst::Compare(op, x, y) => write!(f, "{} {x}, {y}", op.word()),
            Inst::Select { mask, on, off } => write!(f, "select {mask}, {on}, {off}"),
            Inst::Reduce(op, x) => write!(f, "{} {x}", op.word()),
            Inst::Extract(x, lane) => write!(f, "extract {x}, {lane}"),
            Inst::Keep(x, count) => write!(f, "keep {x} lanes {}", function.shown(count)),
            Inst::TritSelect { codes, bit, x } => write!(f, "trit_select {codes}, bit {bit}, {x}"),
            Inst::Vector(inst) => {
                write!(f, "{} ", inst.op.word())?;
                write_list(f, inst.operands(), |f, x| write!(f, "{x}"))?;
                match inst.op.greatest_bit() {
                    Some(_) => write!(f, ", bit {}", inst.bit),
                    None => Ok(()),
                }
            }
            Inst::Load(buffer, address, lanes) => {
                let (name, address) = (function.buffer_name(*buffer), function.shown(address));
                write!(f, "load {name}[{address}]{}", function.shown(lanes))
            }
            Inst::ToIndex(x) => write!(f, "to_index {x}"),
            Inst::FromIndex(x) => write!(f, "from_index {x}"),
        }
    }
}

/// The shortest decimal that reads back as the same f32; NaN as its bits.
fn write_f32(f: &mut Formatter<'_>, bits: u32) -> fmt::Result {
    let x = f32::from_bits(bits);
    if x.is_nan() {
        write!(f, "{bits:#010x}")
    } else {
        write!(f, "{x:?}")
    }
}

impl Display for Shown<'_, Lanes> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.part {
            Lanes::All => Ok(()),
            Lanes::First(n) => write!(f, " lanes {}", self.function.shown(n)),
        }
    }
}

impl Display for Shown<'_, Address> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Address { terms, base } = self.part;
        for (i, (index, stride)) in terms.iter().enumerate() {
            let plus = if i > 0 { " + " } else { "" };
            write!(f, "{plus}{index}")?;
            if *stride != Size::ONE {
                f.write_str(" * ")?;
                write_size(f, self.function, stride, Level::Atom)?;
            }
        }
        if terms.is_empty() {
            return write_size(f, self.function, base, Level::Sum);
        }
        if *base != Size::ZERO {
            f.write_str(" + ")?;
            // A difference stops at 0 by itself, not with the terms before it.
            let level = if is_difference(base) {
                Level::Product
            } else {
                Level::Sum
            };
            write_size(f, self.function, base, level)?;
        }
        Ok(())
    }
}

fn is_difference(size: &Size) -> bool {
    match size {
        Size::Sub(..) => true,
        Size::Add(a, _) => is_difference(a),
        _ => false,
    }
}

impl Display for Shown<'_, Size> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_size(f, self.function, self.part, Level::Sum)
    }
}

/// How tightly a size's outermost operator binds; looser ones get parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Sum,
    Product,
    Atom,
}

fn write_size(
    f: &mut Formatter<'_>,
    function: &Function,
    size: &Size,
    least: Level,
) -> fmt::Result {
    let level = match size {
        Size::Const(_) | Size::Dim(_) => Level::Atom,
        Size::Mul(..) | Size::Div(..) | Size::Rem(..) => Level::Product,
        Size::Add(..) | Size::Sub(..) => Level::Sum,
    };
    if level < least {
        f.write_str("(")?;
    }
    match size {
        Size::Const(n) => write!(f, "{n}")?,
        Size::Dim(d) => {
            let name = function.dims.get(d.0 as usize);
            f.write_str(name.map_or("?", String::as_str))?;
        }
        Size::Add(a, b) => {
            write_size(f, function, a, Level::Sum)?;
            f.write_str(" + ")?;
            write_size(f, function, b, Level::Product)?;
        }
        Size::Mul(a, b) => {
            write_size(f, function, a, Level::Product)?;
            f.write_str(" * ")?;
            write_size(f, function, b, Level::Atom)?;
        }
        Size::Sub(a, n) => {
            write_size(f, function, a, Level::Sum)?;
            write!(f, " - {n}")?;
        }
        Size::Div(a, n) => {
            write_size(f, function, a, Level::Product)?;
            write!(f, " / {n}")?;
        }
        Size::Rem(a, n) => {
            write_size(f, function, a, Level::Product)?;
            write!(f, " % {n}")?;
        }
    }
    if level < least {
        f.write_str(")")?;
    }
    Ok(())
}
