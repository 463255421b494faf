//! Registers of the machine for those of a function.
//!
//! Those that are used most for their length are served first, each with the register that what it is
//! moved from or made of has, if that is free. What finds none lives in memory: it is loaded before each
//! instruction that reads it, or read by the instruction itself, and the rest is tried again. A constant that
//! instructions can read in memory counts less: it lies there anyway.

use super::inst::{Inst, Kind, Mem, Reg, Rm, Role, Vector};
use super::live::{Line, Live, live, weights};
use super::op;
use crate::hash::Map;

/// What registers are, and where some of them can be read from.
pub(super) struct Registers {
    pub(super) kinds: Vec<Kind>,
    /// Memory that always holds what a register does: constants and arguments.
    pub(super) homes: Map<Reg, Mem>,
    /// Vector registers of the machine.
    pub(super) vectors: usize,
    /// Bytes of the frame.
    pub(super) frame: i32,
}

impl Registers {
    pub(super) fn add(&mut self, kind: Kind) -> Reg {
        self.kinds.push(kind);
        Reg(self.kinds.len() as u32 - 1)
    }

    pub(super) fn kind(&self, reg: Reg) -> Kind {
        self.kinds[reg.0 as usize]
    }

    /// A place in the frame.
    pub(super) fn slot(&mut self, bytes: i32) -> i32 {
        let align = bytes.unsigned_abs().next_power_of_two().min(64) as i32;
        let at = (self.frame + align - 1) / align * align;
        self.frame = at + bytes;
        at
    }
}

/// Integer registers in the order in which they are taken: those that calls may change first. The stack
/// pointer and the frame pointer are not among them.
pub(super) const INTEGERS: [u8; 14] = [0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 12, 13, 14, 15];
/// Integer registers that a function leaves as they were.
pub(super) const SAVED: [u8; 5] = [3, 12, 13, 14, 15];

/// The numbers of integer arguments.
pub(super) const ARGUMENTS: [u8; 6] = [7, 6, 2, 1, 8, 9];

/// Busy ranges of a register of the machine, by where they begin.
#[derive(Clone, Default)]
struct Busy {
    ranges: std::collections::BTreeMap<u32, u32>,
}

impl Busy {
    fn admits(&self, live: &Live) -> bool {
        live.ranges.iter().all(|&(from, to)| {
            let before = self.ranges.range(..to).next_back();
            before.is_none_or(|(_, end)| *end <= from)
        })
    }

    fn take(&mut self, live: &Live) {
        self.ranges.extend(live.ranges.iter().copied());
    }
}

/// Gives every register of the code one of the machine. `fixed` are those that arguments come in.
pub(super) fn allocate(line: &mut Line, registers: &mut Registers, fixed: &[(Reg, u8)]) {
    // What is loaded for one instruction needs a register at once.
    let mut first_short = registers.kinds.len();
    loop {
        let mut lives = live(line, registers.kinds.len());
        let comes = |reg: usize| fixed.iter().any(|(came, _)| came.0 as usize == reg);
        let mut entering = lives.iter().enumerate().filter(|(_, live)| live.enters());
        assert!(
            entering.all(|(reg, _)| comes(reg)),
            "a register is read before it is written"
        );
        discount(&mut lives, line, registers);
        let hints = hints(line, registers.kinds.len());
        let Assigned { numbers, homeless } = assign(&lives, registers, &hints, fixed, first_short);
        if homeless.is_empty() {
            for inst in &mut line.insts {
                inst.visit(&mut |reg, _| *reg = Reg(u32::from(numbers[reg.0 as usize])));
            }
            return;
        }
        let short = homeless.iter().find(|reg| reg.0 as usize >= first_short);
        assert!(
            short.is_none(),
            "an instruction has fewer registers than the machine"
        );
        let before = registers.kinds.len();
        to_memory(line, registers, &homeless);
        first_short = first_short.min(before);
    }
}

struct Assigned {
    numbers: Vec<u8>,
    homeless: Vec<Reg>,
}

fn assign(
    lives: &[Live],
    registers: &Registers,
    hints: &[Vec<Reg>],
    fixed: &[(Reg, u8)],
    first_short: usize,
) -> Assigned {
    let mut integers: Vec<Busy> = vec![Busy::default(); 16];
    let mut vectors: Vec<Busy> = vec![Busy::default(); registers.vectors];
    let order: Vec<u8> = (0..registers.vectors as u8).collect();
    let mut numbers: Vec<Option<u8>> = vec![None; lives.len()];
    let mut homeless = Vec::new();
    for (reg, number) in fixed {
        let busy = match registers.kind(*reg).is_vector() {
            true => &mut vectors,
            false => &mut integers,
        };
        busy[usize::from(*number)].take(&lives[reg.0 as usize]);
        numbers[reg.0 as usize] = Some(*number);
    }
    for reg in by_weight(lives, first_short) {
        let live = &lives[reg];
        if numbers[reg].is_some() || live.ranges.is_empty() {
            continue;
        }
        let (busy, order) = match registers.kinds[reg].is_vector() {
            true => (&mut vectors, &order[..]),
            false => (&mut integers, &INTEGERS[..]),
        };
        let hinted = hints[reg]
            .iter()
            .filter_map(|hint| numbers[hint.0 as usize]);
        let free = |number: &u8| busy[usize::from(*number)].admits(live);
        let found = hinted.chain(order.iter().copied()).find(free);
        match found {
            Some(number) => {
                busy[usize::from(number)].take(live);
                numbers[reg] = Some(number);
            }
            None => homeless.push(Reg(reg as u32)),
        }
    }
    Assigned {
        numbers: numbers.into_iter().map(|n| n.unwrap_or(0)).collect(),
        homeless,
    }
}

/// What a use counts that an instruction could read in memory as well.
const IN_PLACE: f32 = 0.25;

/// Counts less what registers that have a home are used for by instructions that could read it there. With AVX-512 there are
/// registers enough, and loads of 512 bits take two of what starts them.
fn discount(lives: &mut [Live], line: &Line, registers: &Registers) {
    if registers.vectors > 16 {
        return;
    }
    for (inst, weight) in line.insts.iter().zip(weights(line)) {
        let Inst::Vector(v) = inst else { continue };
        let mut read = |reg: Reg| {
            if registers.homes.contains_key(&reg) {
                lives[reg.0 as usize].uses -= (1.0 - IN_PLACE) * weight;
            }
        };
        match (v.a, v.b) {
            (a, Some(Rm::Reg(b))) if v.takes_memory() && a != Some(b) && v.c != Some(b) => {
                read(b);
                // One of the two.
                if v.op.commutes && !registers.homes.contains_key(&b) {
                    a.map(read);
                }
            }
            _ => {}
        }
    }
}

/// Registers in the order in which they are served.
fn by_weight(lives: &[Live], first_short: usize) -> Vec<usize> {
    let weight = |reg: usize| match reg >= first_short {
        true => f32::INFINITY,
        false => lives[reg].uses / lives[reg].length().max(1) as f32,
    };
    let start = |reg: usize| lives[reg].ranges.last().map_or(0, |(from, _)| *from);
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by(|a, b| {
        let heavier = weight(*b).total_cmp(&weight(*a));
        heavier.then(start(*a).cmp(&start(*b)))
    });
    order
}

/// The registers that each is moved from or to, or made of.
fn hints(line: &Line, registers: usize) -> Vec<Vec<Reg>> {
    let mut hints: Vec<Vec<Reg>> = vec![Vec::new(); registers];
    let mut note = |a: Reg, b: Reg| {
        hints[a.0 as usize].push(b);
        hints[b.0 as usize].push(a);
    };
    for inst in &line.insts {
        match inst {
            Inst::Move(dst, x) => note(*dst, *x),
            Inst::Vector(v) => {
                if let Some(dst) = v.dst {
                    if let Some(Rm::Reg(b)) = v.b {
                        note(dst, b);
                    }
                    if let Some(a) = v.a {
                        note(dst, a);
                    }
                }
            }
            _ => {}
        }
    }
    hints
}

/// Lets registers live in memory.
fn to_memory(line: &mut Line, registers: &mut Registers, homeless: &[Reg]) {
    let mut places: Map<Reg, (Mem, bool)> = Map::default();
    for reg in homeless {
        let place = match registers.homes.get(reg) {
            Some(home) => (*home, true),
            None => {
                let bytes = registers.kind(*reg).bytes();
                (Mem::Frame(registers.slot(bytes)), false)
            }
        };
        places.insert(*reg, place);
    }
    let mut insts = Vec::with_capacity(line.insts.len());
    let mut moved = Vec::with_capacity(line.insts.len());
    for mut inst in std::mem::take(&mut line.insts) {
        moved.push(insts.len());
        if makes_home(&inst, &places) {
            continue;
        }
        read_in_place(&mut inst, &places, registers);
        let mut loads = Vec::new();
        let mut stores = Vec::new();
        let mut short: Map<Reg, Reg> = Map::default();
        inst.visit(&mut |reg, role| {
            let Some((place, _)) = places.get(reg) else {
                return;
            };
            let kind = registers.kind(*reg);
            let known = short.contains_key(reg);
            let stand_in = *short.entry(*reg).or_insert_with(|| registers.add(kind));
            if role != Role::Written && !known {
                loads.push(load(kind, stand_in, *place));
            }
            if role != Role::Read {
                stores.push(store(kind, stand_in, *place));
            }
            *reg = stand_in;
        });
        insts.extend(loads);
        insts.push(inst);
        insts.extend(stores);
    }
    moved.push(insts.len());
    for (first, last) in &mut line.loops {
        *first = moved[*first];
        *last = moved[*last + 1] - 1;
    }
    line.insts = insts;
}

/// Whether an instruction fills a register that has a home, which it need not any more.
fn makes_home(inst: &Inst, places: &Map<Reg, (Mem, bool)>) -> bool {
    let dst = match inst {
        Inst::Vector(v) => v.dst,
        Inst::Load(dst, _) => Some(*dst),
        _ => None,
    };
    dst.is_some_and(|dst| places.get(&dst).is_some_and(|(_, home)| *home))
}

/// Reads a register's memory by the instruction itself, where it can.
fn read_in_place(inst: &mut Inst, places: &Map<Reg, (Mem, bool)>, registers: &Registers) {
    match inst {
        Inst::Vector(v) if v.takes_memory() => {
            let as_wide = |reg: Reg| registers.kind(reg).bytes() >= v.kind.bytes();
            let place = |reg: Reg| places.get(&reg).filter(|_| as_wide(reg)).map(|p| p.0);
            let Some(Rm::Reg(b)) = v.b else { return };
            match (v.a, place(b)) {
                (Some(a), None) if v.op.commutes && place(a).is_some() => {
                    v.b = place(a).map(Rm::Mem);
                    v.a = Some(b);
                }
                (a, Some(mem)) if a != Some(b) && v.c != Some(b) => v.b = Some(Rm::Mem(mem)),
                _ => {}
            }
            if v.op == &op::MOV && matches!(v.b, Some(Rm::Mem(_))) {
                v.op = &op::LOAD;
            }
        }
        Inst::Alu(_, _, super::inst::Operand::Rm(rm))
        | Inst::Mul(_, rm)
        | Inst::MulImm(_, rm, _) => {
            if let Rm::Reg(reg) = rm
                && let Some((mem, _)) = places.get(reg)
            {
                *rm = Rm::Mem(*mem);
            }
        }
        _ => {}
    }
}

fn load(kind: Kind, dst: Reg, from: Mem) -> Inst {
    if kind == Kind::Int {
        return Inst::Load(dst, from);
    }
    Inst::Vector(Vector {
        dst: Some(dst),
        b: Some(Rm::Mem(from)),
        ..Vector::new(&op::LOAD, kind)
    })
}

fn store(kind: Kind, x: Reg, to: Mem) -> Inst {
    if kind == Kind::Int {
        return Inst::Store(to, x);
    }
    Inst::Vector(Vector {
        a: Some(x),
        b: Some(Rm::Mem(to)),
        ..Vector::new(&op::STORE, kind)
    })
}
