//! Code in one line: without what nobody reads, with memory as an operand where it is read once.

use super::emitter::Node;
use super::inst::{Inst, Kind, Masked, Mem, Reg, Rm, Role, Vector};
use super::live::Line;
use super::op::{self, FIRST_QUARTER, Form, Tuple};
use crate::hash::Map;

/// The instructions of nested loops one after the other.
pub(super) fn line(nodes: Vec<Node>) -> Line {
    let mut line = Line {
        insts: Vec::new(),
        loops: Vec::new(),
    };
    append(&mut line, nodes);
    line
}

fn append(line: &mut Line, nodes: Vec<Node>) {
    for node in nodes {
        match node {
            Node::Inst(inst) => line.insts.push(inst),
            Node::Loop(body) => {
                let first = line.insts.len();
                append(line, body);
                line.loops.push((first, line.insts.len() - 1));
            }
        }
    }
}

/// Removes what writes registers that nothing reads, then folds loads.
pub(super) fn tidy(line: &mut Line, kinds: &[Kind]) {
    let kept = needed(line, kinds.len());
    keep(line, &kept);
    let kept = fold(line, kinds);
    keep(line, &kept);
}

/// How often each register is read.
fn reads(line: &mut Line, registers: usize) -> Vec<usize> {
    let mut reads = vec![0; registers];
    for inst in &mut line.insts {
        inst.visit(&mut |reg, role| {
            if role != Role::Written {
                reads[reg.0 as usize] += 1;
            }
        });
    }
    reads
}

/// Which instructions are of use.
fn needed(line: &mut Line, registers: usize) -> Vec<bool> {
    let mut reads = reads(line, registers);
    let mut kept = vec![true; line.insts.len()];
    for (inst, kept) in line.insts.iter_mut().zip(&mut kept).rev() {
        if !inst.is_pure() {
            continue;
        }
        let mut used = false;
        let mut own = Vec::new();
        inst.visit(&mut |reg, role| {
            let count = reads[reg.0 as usize];
            match role {
                Role::Read => own.push(*reg),
                Role::Written => used |= count > 0,
                // Its own reading is of no use to others.
                Role::Both => used |= count > 1,
            }
        });
        if !used {
            *kept = false;
            for reg in own {
                reads[reg.0 as usize] -= 1;
            }
        }
    }
    kept
}

/// Leaves only some instructions.
pub(super) fn keep(line: &mut Line, kept: &[bool]) {
    let mut moved = Vec::with_capacity(kept.len() + 1);
    let mut count = 0;
    for kept in kept {
        moved.push(count);
        count += usize::from(*kept);
    }
    moved.push(count);
    for (first, last) in &mut line.loops {
        *first = moved[*first];
        *last = moved[*last + 1] - 1;
    }
    let mut kept = kept.iter();
    line.insts.retain(|_| kept.next().copied().unwrap_or(true));
}

/// A load that an instruction may do itself.
struct Loaded {
    at: usize,
    mem: Mem,
    /// Of all lanes, or of one number.
    kind: Option<Kind>,
    /// One number for all lanes.
    broadcast: bool,
}

/// Lets instructions read memory that is loaded for them alone, in the same stretch of code without
/// stores between.
fn fold(line: &mut Line, kinds: &[Kind]) -> Vec<bool> {
    let reads = reads(line, kinds.len());
    let mut kept = vec![true; line.insts.len()];
    let mut loaded: Map<Reg, Loaded> = Map::default();
    for (at, inst) in line.insts.iter_mut().enumerate() {
        match inst {
            Inst::Vector(v) if v.writes_b() => {
                if let Some(Rm::Mem(_)) = v.b {
                    loaded.clear();
                }
            }
            Inst::Vector(v) => {
                if let Some(from) = fold_into(v, &mut loaded) {
                    kept[from] = false;
                }
                if let Some((dst, load)) = load(v, at, kinds)
                    && reads[dst.0 as usize] == 1
                {
                    loaded.insert(dst, load);
                }
            }
            Inst::IntOfLane(_, rm) => {
                if let Rm::Reg(x) = rm
                    && let Some(load) = loaded.remove(x)
                    && load.kind.is_none()
                    && !load.broadcast
                {
                    kept[load.at] = false;
                    *rm = Rm::Mem(load.mem);
                }
            }
            Inst::Store(..) | Inst::At(..) | Inst::Jump(..) => loaded.clear(),
            _ => {}
        }
    }
    kept
}

/// The load that an instruction is.
fn load(v: &Vector, at: usize, kinds: &[Kind]) -> Option<(Reg, Loaded)> {
    let (dst, Some(Rm::Mem(mem)), Masked::No) = (v.dst?, v.b, v.masked) else {
        return None;
    };
    let kind = if v.op == &op::LOAD {
        (kinds[dst.0 as usize] == v.kind).then_some(Some(v.kind))?
    } else if v.op == &op::LOAD_SCALAR || v.op == &op::BROADCAST {
        None
    } else {
        return None;
    };
    // Lanes that a short load leaves zero are read by wider instructions.
    if v.op == &op::LOAD_SCALAR && kinds[dst.0 as usize] != Kind::Quarter {
        return None;
    }
    let broadcast = v.op == &op::BROADCAST;
    Some((
        dst,
        Loaded {
            at,
            mem,
            kind,
            broadcast,
        },
    ))
}

/// Lets an instruction read the memory of its last operand, or of its first if they may change places;
/// tells which load is needed no more.
fn fold_into(v: &mut Vector, loaded: &mut Map<Reg, Loaded>) -> Option<usize> {
    if !v.takes_memory() || v.op == &op::MOV {
        return None;
    }
    let Some(Rm::Reg(b)) = v.b else { return None };
    let fits = |load: &Loaded| match (load.kind, load.broadcast) {
        (Some(kind), _) => v.op.tuple == Tuple::Full && kind == v.kind,
        (None, true) => v.op.broadcasts && v.kind == Kind::Full,
        (None, false) => v.op.tuple == Tuple::Scalar,
    };
    let twice = v.a == Some(b) || v.c == Some(b) || v.dst == Some(b);
    let (load, other) = match v.a {
        _ if !twice && loaded.get(&b).is_some_and(fits) => (loaded.remove(&b)?, v.a),
        Some(a)
            if v.op.commutes
                && v.op.form == Form::Rvm
                && a != b
                && v.dst != Some(a)
                && loaded.get(&a).is_some_and(fits) =>
        {
            (loaded.remove(&a)?, Some(b))
        }
        _ => return None,
    };
    v.a = other;
    v.b = Some(Rm::Mem(load.mem));
    v.broadcast = load.broadcast;
    if v.op == &op::PICK_WIDE && v.imm == Some(FIRST_QUARTER) {
        // A load does so by itself.
        (v.op, v.imm) = (&op::LOAD_QUARTER_TO_ALL, None);
    }
    Some(load.at)
}
