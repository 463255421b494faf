//! Machine code of x86-64 as text that an assembler takes: its instructions, its labels and the
//! constants it reads.

use super::AsmError;
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, GasFormatter, Instruction, SymbolResolver,
    SymbolResult,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Bytes of the longest instruction.
const LONGEST: usize = 15;
/// Strictest alignment that an instruction asks of a constant.
const ALIGN: u64 = 64;
/// Constants on a line.
const A_LINE: usize = 16;

/// Reads the bytes at an address, as many as there are but at most so many.
pub(super) type Read<'r> = &'r dyn Fn(u64, usize) -> Option<Vec<u8>>;

/// The function at an address under a name of its own, and whatever it calls.
pub(super) fn assembler(name: &str, entry: u64, read: Read<'_>) -> Result<String, AsmError> {
    let mut trace = Trace::default();
    trace.follow(entry, read)?;
    let constants = trace.constants(read)?;
    let labels = trace.labels(name, entry);
    let mut text = trace.code(entry, labels.clone());
    if !constants.is_empty() {
        text.push_str("\n\t.section .rodata\n");
    }
    for (start, bytes) in constants {
        let align = 1 << start.trailing_zeros().min(ALIGN.trailing_zeros());
        let _ = writeln!(text, "\t.balign {align}");
        write_bytes(&mut text, start, &bytes, &labels);
    }
    Ok(text)
}

/// Bytes from a function's start; what it calls may lie before it.
fn distance(at: u64, entry: u64) -> i64 {
    at.wrapping_sub(entry).cast_signed()
}

/// What can be reached from a function.
#[derive(Default)]
struct Trace {
    insts: BTreeMap<u64, Instruction>,
    branched_to: BTreeSet<u64>,
    /// Bytes read at an address that the code names.
    read: BTreeMap<u64, usize>,
}

impl Trace {
    fn follow(&mut self, entry: u64, read: Read<'_>) -> Result<(), AsmError> {
        let mut starts = vec![entry];
        while let Some(mut at) = starts.pop() {
            while !self.insts.contains_key(&at) {
                let inst = decode(at, read).ok_or_else(|| AsmError::NoCode {
                    at: distance(at, entry),
                })?;
                self.insts.insert(at, inst);
                self.note_constant(&inst, entry)?;
                at = inst.next_ip();
                match inst.flow_control() {
                    FlowControl::Next => {}
                    FlowControl::ConditionalBranch | FlowControl::Call => {
                        starts.push(inst.near_branch_target());
                    }
                    FlowControl::UnconditionalBranch => {
                        starts.push(inst.near_branch_target());
                        break;
                    }
                    FlowControl::Return | FlowControl::Exception | FlowControl::Interrupt => break,
                    _ => {
                        return Err(AsmError::Indirect {
                            at: distance(inst.ip(), entry),
                        });
                    }
                }
            }
        }
        let branches = self.insts.values().map(Instruction::near_branch_target);
        self.branched_to = branches.filter(|&target| target != 0).collect();
        self.branched_to.insert(entry);
        Ok(())
    }

    fn note_constant(&mut self, inst: &Instruction, entry: u64) -> Result<(), AsmError> {
        if !inst.is_ip_rel_memory_operand() {
            return Ok(());
        }
        let size = match inst.memory_size().size() {
            // An address of what may have any length.
            0 => {
                return Err(AsmError::Address {
                    at: distance(inst.ip(), entry),
                });
            }
            size => size,
        };
        let longest = self.read.entry(inst.ip_rel_memory_address()).or_default();
        *longest = size.max(*longest);
        Ok(())
    }

    /// The bytes of constants, those that touch in one run.
    fn constants(&self, read: Read<'_>) -> Result<Vec<(u64, Vec<u8>)>, AsmError> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (&start, &len) in &self.read {
            let end = start + len as u64;
            match runs.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => runs.push((start, end)),
            }
        }
        let run = |(start, end): (u64, u64)| {
            let len = (end - start) as usize;
            let bytes = read(start, len).filter(|bytes| bytes.len() == len);
            bytes.map(|bytes| (start, bytes)).ok_or(AsmError::NoData)
        };
        runs.into_iter().map(run).collect()
    }

    /// A label for every address that the code names.
    fn labels(&self, name: &str, entry: u64) -> Labels {
        let places = self.branched_to.iter().enumerate();
        let places = places.map(|(i, &at)| (at, format!(".L{i}")));
        let data = self.read.keys().enumerate();
        let data = data.map(|(i, &at)| (at, format!(".LC{i}")));
        let mut labels: BTreeMap<u64, String> = places.chain(data).collect();
        labels.insert(entry, name.to_owned());
        Labels(labels)
    }

    fn code(&self, entry: u64, labels: Labels) -> String {
        let mut formatter = formatter(labels.clone());
        // The function comes first; what it calls may lie before it.
        let (before, from) = (self.insts.range(..entry), self.insts.range(entry..));
        let mut text = String::new();
        for (at, inst) in from.chain(before) {
            if let Some(label) = labels.0.get(at) {
                let _ = writeln!(text, "{label}:");
            }
            text.push('\t');
            formatter.format(inst, &mut text);
            text.push('\n');
        }
        text
    }
}

fn decode(at: u64, read: Read<'_>) -> Option<Instruction> {
    let bytes = read(at, LONGEST)?;
    let inst = Decoder::with_ip(64, &bytes, at, DecoderOptions::NONE).decode();
    (!inst.is_invalid()).then_some(inst)
}

#[derive(Clone)]
struct Labels(BTreeMap<u64, String>);

impl SymbolResolver for Labels {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _operand: u32,
        _instruction_operand: Option<u32>,
        address: u64,
        _address_size: u32,
    ) -> Option<SymbolResult<'_>> {
        // Not a number that happens to be an address.
        let is_place =
            instruction.near_branch_target() == address || instruction.is_ip_rel_memory_operand();
        let label = self.0.get(&address).filter(|_| is_place)?;
        Some(SymbolResult::with_str(address, label))
    }
}

fn formatter(labels: Labels) -> GasFormatter {
    let mut formatter = GasFormatter::with_options(Some(Box::new(labels)), None);
    let options = formatter.options_mut();
    options.set_uppercase_hex(false);
    options.set_space_after_operand_separator(true);
    options.set_first_operand_char_index(0);
    options.set_rip_relative_addresses(true);
    formatter
}

/// Writes the bytes of a run with the labels in it.
fn write_bytes(text: &mut String, start: u64, bytes: &[u8], labels: &Labels) {
    let end = start + bytes.len() as u64;
    let mut places = labels.0.range(start..end).map(|(at, label)| (*at, label));
    let mut label = places.next();
    let mut at = start;
    while at < end {
        if let Some((_, name)) = label.filter(|(place, _)| *place == at) {
            let _ = writeln!(text, "{name}:");
            label = places.next();
        }
        let until = label
            .map_or(end, |(place, _)| place)
            .min(at + A_LINE as u64);
        let line = &bytes[(at - start) as usize..(until - start) as usize];
        let line: Vec<String> = line.iter().map(|byte| format!("{byte:#04x}")).collect();
        let _ = writeln!(text, "\t.byte {}", line.join(", "));
        at = until;
    }
}
