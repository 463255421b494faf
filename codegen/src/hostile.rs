//! Functions that break the invariants in every way: the public stages that take any function
//! answer with a value, never with a panic.

use crate::interp::Program;
use crate::ir::{Block, Function, Inst, Loop, Size, Stmt, Type, Value, parse, random, verify};
use atome_spec::SplitMix64;
use std::ops::Range;

const SEEDS: u64 = 40;
const MUTANTS: u64 = 20;
/// Iterations of a loop, and bytes of each buffer.
const SMALL: u64 = 3;
const BYTES: usize = 64;

#[test]
fn no_stage_panics() {
    let (mut valid, mut compiled) = (0, 0);
    for seed in 0..SEEDS {
        for mutant in 0..MUTANTS {
            let mut random = Rng(SplitMix64::new(seed << 32 | mutant));
            let mut function = random::function(seed);
            for _ in 0..=random.below(3) {
                mutate(&mut function, &mut random);
            }
            valid += u64::from(verify(&function).is_ok());
            let text = function.to_string();
            drop(parse(&text));
            drop(parse(&splice(&text, &mut random)));
            #[cfg(feature = "rust")]
            for isa in atome_spec::Isa::ALL {
                drop(crate::emit::rust::emit(&function, *isa));
            }
            #[cfg(feature = "wide")]
            for isa in atome_spec::Isa::ALL {
                drop(crate::emit::x86::machine_code(&function, *isa));
            }
            if let Ok(program) = Program::new(&function) {
                compiled += 1;
                if is_short(&function.body) {
                    run(&function, &program, &mut random);
                }
            }
        }
    }
    // The mutants reach every stage.
    let all = SEEDS * MUTANTS;
    assert!(valid > 0 && valid < all / 2, "{valid} of {all} are valid");
    assert!(
        compiled > valid && compiled < all,
        "{compiled} of {all} compile"
    );
}

/// Numbers of a seed.
struct Rng(SplitMix64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn size(&mut self) -> Size {
        let dim = Size::Dim(crate::ir::Dim(self.below(5) as u32));
        match self.below(7) {
            0 => Size::Const(u64::MAX),
            1 => Size::Div(Box::new(dim), 0),
            2 => Size::Rem(Box::new(Size::Const(7)), 0),
            3 => Size::Mul(Box::new(Size::Const(u64::MAX)), Box::new(dim)),
            4 => Size::Sub(Box::new(dim), u64::MAX),
            5 => Size::Const(self.next() % 4),
            _ => dim,
        }
    }
}

/// Arguments that need not fit either.
fn run(function: &Function, program: &Program, random: &mut Rng) {
    let mut memory = vec![0; BYTES * function.buffers.len()];
    let ends: Vec<usize> = (0..=function.buffers.len()).map(|i| i * BYTES).collect();
    let mut buffers: Vec<_> = ends.windows(2).map(|w| w[0]..w[1]).collect();
    if let (0, Some(range)) = (random.below(4), buffers.last_mut()) {
        *range = match random.below(3) {
            0 => from_to(range.end, range.start),
            1 => from_to(usize::MAX, 0),
            _ => from_to(0, usize::MAX),
        };
    }
    let dims = vec![SMALL; function.dims.len()];
    let scalars = vec![1.5; function.scalars.len()];
    let registers = &mut program.registers();
    drop(program.run(registers, &mut memory, &buffers, &dims, &scalars));
}

/// A range that may be none.
fn from_to(start: usize, end: usize) -> Range<usize> {
    Range { start, end }
}

/// Whether loops end soon for small dimensions.
fn is_short(block: &Block) -> bool {
    block.iter().all(|stmt| match stmt {
        Stmt::For(l) => {
            let trip = l.trip.eval(&[SMALL; 8]);
            trip.is_none_or(|trip| trip <= 50) && is_short(&l.body)
        }
        _ => true,
    })
}

/// Text with one character doubled, dropped or replaced.
fn splice(text: &str, random: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = random.below(chars.len());
    match random.below(3) {
        0 => drop(chars.remove(at)),
        1 => chars.insert(at, chars[at]),
        _ => chars[at] = ['0', '9', '%', '}', '{', ' ', '\u{e9}'][random.below(7)],
    }
    chars.into_iter().collect()
}

fn mutate(function: &mut Function, random: &mut Rng) {
    let types = function.types.len();
    match random.below(10) {
        0 => drop(function.dims.pop()),
        1 => drop(function.scalars.pop()),
        2 => drop(function.buffers.pop()),
        3 => function.types.truncate(random.below(types)),
        4 => {
            let other = [Type::Index, Type::F32, Type::I32X16][random.below(3)];
            let at = random.below(types);
            if let Some(ty) = function.types.get_mut(at) {
                *ty = other;
            }
        }
        5 => {
            let at = random.below(function.buffers.len());
            if let Some(buffer) = function.buffers.get_mut(at) {
                buffer.len = random.size();
            }
        }
        _ => {
            let mut donors = Vec::new();
            instructions(&function.body, &mut donors);
            let depth = random.below(3);
            statement(&mut function.body, depth, &donors, random);
        }
    }
}

fn instructions(block: &Block, found: &mut Vec<Inst>) {
    for stmt in block {
        match stmt {
            Stmt::Let(_, inst) => found.push(inst.clone()),
            Stmt::For(l) => instructions(&l.body, found),
            Stmt::Store { .. } | Stmt::Prefetch(..) => {}
        }
    }
}

/// Changes a statement, of a loop's body if `depth` is not 0.
fn statement(block: &mut Block, depth: usize, donors: &[Inst], random: &mut Rng) {
    if block.is_empty() {
        return;
    }
    let at = random.below(block.len());
    if depth > 0 {
        let l = block.iter_mut().find_map(|stmt| match stmt {
            Stmt::For(l) => Some(l),
            _ => None,
        });
        return match l {
            Some(l) if random.below(2) == 0 => in_loop(l, random),
            Some(l) => statement(&mut l.body, depth - 1, donors, random),
            None => {}
        };
    }
    match (&mut block[at], random.below(4)) {
        (_, 0) => drop(block.remove(at)),
        (stmt, 1) => {
            let stmt = stmt.clone();
            block.push(stmt);
        }
        (Stmt::Let(value, _), 2) => *value = Value(random.next() as u32 % 40),
        (Stmt::Let(_, inst), _) if !donors.is_empty() => {
            *inst = donors[random.below(donors.len())].clone();
        }
        (Stmt::Store { value, .. }, _) => *value = Value(u32::MAX),
        (Stmt::Prefetch(buffer, _), _) => buffer.0 = u32::MAX,
        (Stmt::For(l), _) => in_loop(l, random),
        _ => {}
    }
}

fn in_loop(l: &mut Loop, random: &mut Rng) {
    match random.below(5) {
        0 => l.trip = random.size(),
        4 => l.when = Some(Value(random.next() as u32 % 40)),
        1 => l.unroll = 0,
        2 => drop(l.carried.pop()),
        _ => {
            if let Some(carried) = l.carried.first_mut() {
                carried.next = Value(random.next() as u32 % 40);
            }
        }
    }
}
