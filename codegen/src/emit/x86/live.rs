//! Where registers are live.
//!
//! An instruction reads at an even point and writes at the odd one after it. A register is live over
//! ranges of points, with holes where what it holds is not read again before it is written.

use super::inst::{Inst, Label, Reg, Role};
use crate::hash::Map;

/// Code in one line, and the loops in it.
pub(super) struct Line {
    pub(super) insts: Vec<Inst>,
    /// The first and the last instruction of each, inner loops before outer ones.
    pub(super) loops: Vec<(usize, usize)>,
}

/// Where a register is live, and how much it is used.
#[derive(Clone, Debug, Default)]
pub(super) struct Live {
    /// From a point to one that is not in it, the last range first.
    pub(super) ranges: Vec<(u32, u32)>,
    /// Reads and writes, those in loops many times over.
    pub(super) uses: f32,
}

impl Live {
    fn reach_back(&mut self, from: u32, to: u32) {
        match self.ranges.last_mut() {
            Some((start, _)) if *start <= to => *start = (*start).min(from),
            _ => self.ranges.push((from, to)),
        }
    }

    /// Whether it is read before it is written.
    pub(super) fn enters(&self) -> bool {
        self.ranges.last().is_some_and(|(from, _)| *from == 0)
    }

    /// How many points it is live at.
    pub(super) fn length(&self) -> u32 {
        self.ranges.iter().map(|(from, to)| to - from).sum()
    }
}

/// How much more an instruction counts for each loop around it.
const OF_LOOP: f32 = 8.0;

/// The liveness of every register.
pub(super) fn live(line: &mut Line, registers: usize) -> Vec<Live> {
    let entered = read_first(line, registers);
    let mut lives = vec![Live::default(); registers];
    // Where the part of a range begins that is open, going backwards.
    let mut open: Vec<Option<u32>> = vec![None; registers];
    let weights = weights(line);
    let mut ends: Vec<usize> = (0..line.loops.len()).collect();
    ends.sort_by_key(|l| std::cmp::Reverse(line.loops[*l].1));
    let mut ends = ends.into_iter().peekable();
    let (mut written, mut read): (Vec<Reg>, Vec<Reg>) = (Vec::new(), Vec::new());
    let mut at_labels: Map<Label, Vec<usize>> = Map::default();
    for at in (0..line.insts.len()).rev() {
        while let Some(l) = ends.next_if(|l| line.loops[*l].1 == at) {
            for reg in &entered[l] {
                open[reg.0 as usize].get_or_insert(2 * at as u32 + 2);
            }
        }
        let point = 2 * at as u32;
        match line.insts[at] {
            Inst::At(label, _) => {
                let live = (0..registers).filter(|reg| open[*reg].is_some()).collect();
                at_labels.insert(label, live);
            }
            // What is live where a loop ends is so where it is jumped over.
            Inst::Jump(_, label) => {
                for reg in at_labels.get(&label).into_iter().flatten() {
                    open[*reg].get_or_insert(point + 1);
                }
            }
            _ => {}
        }
        written.clear();
        read.clear();
        line.insts[at].visit(&mut |reg, role| {
            lives[reg.0 as usize].uses += weights[at];
            match role {
                Role::Read => read.push(*reg),
                Role::Written => written.push(*reg),
                Role::Both => {
                    written.push(*reg);
                    read.push(*reg);
                }
            }
        });
        for reg in &written {
            let end = open[reg.0 as usize].take().unwrap_or(point + 2);
            lives[reg.0 as usize].reach_back(point + 1, end);
        }
        for reg in &read {
            open[reg.0 as usize].get_or_insert(point + 1);
        }
    }
    for (reg, open) in open.into_iter().enumerate() {
        if let Some(end) = open {
            lives[reg].reach_back(0, end);
        }
    }
    lives
}

/// The registers that each loop reads before it writes them.
fn read_first(line: &mut Line, registers: usize) -> Vec<Vec<Reg>> {
    // By register, the last loop that wrote it, and the last one that it was found for.
    let mut written = vec![usize::MAX; registers];
    let mut known = vec![usize::MAX; registers];
    let mut found = vec![Vec::new(); line.loops.len()];
    for (which, (first, last)) in line.loops.iter().enumerate() {
        for inst in &mut line.insts[*first..=*last] {
            inst.visit(&mut |reg, role| {
                let at = reg.0 as usize;
                if role != Role::Written && written[at] != which && known[at] != which {
                    known[at] = which;
                    found[which].push(*reg);
                }
                if role != Role::Read {
                    written[at] = which;
                }
            });
        }
    }
    found
}

/// What a use counts at each instruction.
pub(super) fn weights(line: &Line) -> Vec<f32> {
    let mut weights = vec![1.0; line.insts.len()];
    for (first, last) in &line.loops {
        for weight in &mut weights[*first..=*last] {
            *weight *= OF_LOOP;
        }
    }
    weights
}
