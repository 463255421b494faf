//! Moves between registers that are never live together become none: both are one register.

use super::inst::{Inst, Masked, Reg, Rm};
use super::line::keep;
use super::live::{Line, Live, live};
use super::op;

/// Makes one register of those that moves join, where it can; `apart` are those that stay on their own.
pub(super) fn coalesce(line: &mut Line, registers: usize, apart: impl Fn(Reg) -> bool) {
    let mut lives = live(line, registers);
    let mut joined: Vec<u32> = (0..registers as u32).collect();
    for (dst, x) in moves(line) {
        if apart(dst) || apart(x) {
            continue;
        }
        let [dst, x] = [dst, x].map(|reg| root(&joined, reg.0) as usize);
        if dst == x || overlap(&lives[dst], &lives[x]) {
            continue;
        }
        let other = std::mem::take(&mut lives[x]);
        lives[dst].ranges.extend(other.ranges);
        lives[dst].ranges.sort_unstable_by(|a, b| b.cmp(a));
        joined[x] = dst as u32;
    }
    for inst in &mut line.insts {
        inst.visit(&mut |reg, _| *reg = Reg(root(&joined, reg.0)));
    }
    let kept: Vec<bool> = line.insts.iter().map(|inst| !is_idle(inst)).collect();
    keep(line, &kept);
}

/// Whether an instruction moves a register to itself.
pub(super) fn is_idle(inst: &Inst) -> bool {
    match inst {
        Inst::Move(dst, x) => dst == x,
        Inst::Vector(v) if v.op == &op::MOV || v.op == &op::LOAD => {
            v.masked == Masked::No && v.dst.map(Rm::Reg) == v.b
        }
        _ => false,
    }
}

/// What a move writes and reads. Loads from registers are those that keep apart.
fn moved(inst: &Inst) -> Option<(Reg, Reg)> {
    match inst {
        Inst::Move(dst, x) => Some((*dst, *x)),
        Inst::Vector(v) if v.op == &op::MOV && v.masked == Masked::No => match (v.dst, v.b) {
            (Some(dst), Some(Rm::Reg(x))) => Some((dst, x)),
            _ => None,
        },
        _ => None,
    }
}

/// All moves, those in inner loops first.
fn moves(line: &Line) -> Vec<(Reg, Reg)> {
    let mut depth = vec![0u32; line.insts.len()];
    for (first, last) in &line.loops {
        for depth in &mut depth[*first..=*last] {
            *depth += 1;
        }
    }
    let all = line.insts.iter().zip(depth);
    let mut moves: Vec<(u32, Reg, Reg)> = all
        .filter_map(|(inst, depth)| moved(inst).map(|(dst, x)| (depth, dst, x)))
        .collect();
    moves.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
    moves.into_iter().map(|(_, dst, x)| (dst, x)).collect()
}

fn root(joined: &[u32], mut reg: u32) -> u32 {
    while joined[reg as usize] != reg {
        reg = joined[reg as usize];
    }
    reg
}

/// Whether two registers are live at one point. Ranges are in order, the last ones first.
fn overlap(a: &Live, b: &Live) -> bool {
    let (mut a, mut b) = (a.ranges.iter().peekable(), b.ranges.iter().peekable());
    while let (Some(&&(from, to)), Some(&&(other_from, other_to))) = (a.peek(), b.peek()) {
        if from < other_to && other_from < to {
            return true;
        }
        if from > other_from {
            a.next();
        } else {
            b.next();
        }
    }
    false
}
