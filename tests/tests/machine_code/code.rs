//! Machine code as a list of instructions, and what its hot loop does.

use atome_codegen::emit::clif;
use atome_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess,
    Register,
};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What an instruction does, as far as these tests ask.
#[derive(Clone, Debug)]
pub(crate) struct Inst {
    mnemonic: String,
    loads: usize,
    stores: usize,
    stack: bool,
    /// Bytes of the stack that it reads or writes at once, from an address in its own register.
    pub(crate) stack_bytes: usize,
    /// Rounds the stack's own register.
    pub(crate) aligns: bool,
    /// Number of the instruction that a branch goes to, if it goes back.
    back_to: Option<usize>,
}

/// Instructions of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) loads: usize,
    pub(crate) stores: usize,
    /// Accesses to the stack, which are also loads or stores.
    pub(crate) stack: usize,
    /// Of numbers, not of indices; those of `dots` too.
    pub(crate) multiplies: usize,
    /// f32 vector sums.
    pub(crate) sums: usize,
    /// Instructions that add products of bytes: `vpdpbusd`, `pmaddubsw`, `sdot`.
    pub(crate) dots: usize,
}

impl Inst {
    pub(crate) fn is(&self, mnemonic: &str) -> bool {
        self.mnemonic == mnemonic
    }
}

pub(crate) fn facts(insts: &[Inst]) -> Facts {
    let mut facts = Facts::default();
    for inst in insts {
        let named = |parts: &[&str]| parts.iter().any(|p| inst.mnemonic.contains(p));
        facts.loads += inst.loads;
        facts.stores += inst.stores;
        facts.stack += usize::from(inst.stack);
        let dot = named(&["vpdpbusd", "pmaddubsw", "sdot"]);
        let product = named(&["mul", "fma", "fml", "mla", "pmadd"]) && inst.mnemonic != "imul";
        facts.multiplies += usize::from(product || dot);
        facts.sums += usize::from(named(&["addps", "fadd"]));
        facts.dots += usize::from(dot);
    }
    facts
}

/// How many have a mnemonic that ends so, with `v` before it or not.
pub(crate) fn count(insts: &[Inst], mnemonic: &str) -> usize {
    let named = |inst: &&Inst| inst.mnemonic.ends_with(mnemonic);
    insts.iter().filter(named).count()
}

/// The longest loop that contains no other.
pub(crate) fn hot_loop(insts: &[Inst]) -> &[Inst] {
    let longest = innermost_loops(insts).max_by_key(|insts| insts.len());
    longest.expect("the kernel has a loop")
}

/// Of the loops that contain no other, the one that adds most products of bytes.
pub(crate) fn dot_loop(insts: &[Inst]) -> &[Inst] {
    let most = innermost_loops(insts).max_by_key(|insts| facts(insts).dots);
    most.expect("the kernel has a loop")
}

/// The innermost loop with so many of an instruction.
pub(crate) fn loop_of<'i>(insts: &'i [Inst], name: &str, times: usize) -> &'i [Inst] {
    let mut loops = innermost_loops(insts);
    let found = loops.find(|insts| count(insts, name) == times);
    found.unwrap_or_else(|| panic!("the kernel has a loop of {times} {name}"))
}

/// Whether an instruction lies in a loop.
pub(crate) fn in_loop(insts: &[Inst], number: usize) -> bool {
    let mut ends = insts[number..].iter();
    ends.any(|inst| inst.back_to.is_some_and(|start| start <= number))
}

fn innermost_loops(insts: &[Inst]) -> impl Iterator<Item = &[Inst]> {
    let loops = insts
        .iter()
        .enumerate()
        .filter_map(|(at, inst)| Some(inst.back_to?..=at));
    let loops: Vec<RangeInclusive<usize>> = loops.collect();
    let innermost = |outer: &RangeInclusive<usize>| {
        !loops
            .iter()
            .any(|l| l != outer && outer.contains(l.start()) && outer.contains(l.end()))
    };
    let innermost: Vec<_> = loops.iter().filter(|l| innermost(l)).cloned().collect();
    innermost.into_iter().map(|l| &insts[l])
}

/// What Cranelift makes of a function.
pub(crate) fn cranelift(function: &Function, isa: &dyn TargetIsa) -> Vec<Inst> {
    if isa.name() == "aarch64" {
        return aarch64(&clif::asm(function, isa).expect("machine code"));
    }
    // Constants follow the one return.
    let is_return = |inst: &Instruction| inst.flow_control() == FlowControl::Return;
    x86_64(
        &clif::machine_code(function, isa).expect("machine code"),
        is_return,
    )
}

/// Up to the first instruction that `is_last`, or to the end.
pub(crate) fn x86_64(code: &[u8], is_last: impl Fn(&Instruction) -> bool) -> Vec<Inst> {
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut numbers = HashMap::new();
    let mut insts = Vec::new();
    while decoder.can_decode() {
        let inst = decoder.decode();
        assert!(!inst.is_invalid(), "at {:#x}", inst.ip());
        numbers.insert(inst.ip(), insts.len());
        insts.push(decoded(&inst, &mut factory, &numbers));
        if is_last(&inst) {
            break;
        }
    }
    insts
}

fn is_branch(inst: &Instruction) -> bool {
    matches!(
        inst.flow_control(),
        FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
    )
}

fn decoded(
    inst: &Instruction,
    factory: &mut InstructionInfoFactory,
    numbers: &HashMap<u64, usize>,
) -> Inst {
    let memory = factory.info(inst).used_memory();
    let accesses = |kinds: &[OpAccess]| {
        let accesses = memory.iter().filter(|m| kinds.contains(&m.access()));
        accesses.count()
    };
    Inst {
        mnemonic: format!("{:?}", inst.mnemonic()).to_lowercase(),
        loads: accesses(&[OpAccess::Read, OpAccess::ReadWrite, OpAccess::CondRead]),
        stores: accesses(&[OpAccess::Write, OpAccess::ReadWrite, OpAccess::CondWrite]),
        stack: memory
            .iter()
            .any(|m| [Register::RSP, Register::RBP].contains(&m.base())),
        stack_bytes: memory
            .iter()
            .filter(|m| m.base() == Register::RSP)
            .map(|m| m.memory_size().size())
            .max()
            .unwrap_or(0),
        aligns: inst.mnemonic() == Mnemonic::And && inst.op0_register() == Register::RSP,
        back_to: is_branch(inst)
            .then(|| numbers.get(&inst.near_branch_target()).copied())
            .flatten(),
    }
}

/// From a compiler's assembly; a jump names a line that is a label.
pub(crate) fn aarch64_asm(text: &str) -> Vec<Inst> {
    let mut labels = HashMap::new();
    let mut insts: Vec<Inst> = Vec::new();
    for line in text.lines() {
        if let Some(label) = line.strip_suffix(':') {
            labels.insert(label, insts.len());
        }
        let inst = line
            .strip_prefix('\t')
            .filter(|line| !line.starts_with('.'));
        let Some(inst) = inst else { continue };
        let (mnemonic, operands) = inst.split_once('\t').unwrap_or((inst, ""));
        let target = operands
            .rsplit(' ')
            .next()
            .and_then(|label| labels.get(label));
        insts.push(Inst {
            mnemonic: mnemonic.to_owned(),
            loads: usize::from(mnemonic.starts_with("ld")),
            stores: usize::from(mnemonic.starts_with("st")),
            stack: operands.contains("[sp"),
            stack_bytes: 0,
            aligns: false,
            back_to: target.copied(),
        });
    }
    insts
}

/// From Cranelift's notation; a jump there names a block by its label.
fn aarch64(text: &str) -> Vec<Inst> {
    let mut blocks = HashMap::new();
    let mut insts: Vec<Inst> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(block) = line.strip_prefix("block").and_then(|b| b.strip_suffix(':')) {
            blocks.insert(block.to_owned(), insts.len());
            continue;
        }
        let (mnemonic, operands) = line.split_once(' ').unwrap_or((line, ""));
        let label = operands.strip_prefix("label").filter(|_| mnemonic == "b");
        insts.push(Inst {
            mnemonic: mnemonic.to_owned(),
            loads: usize::from(mnemonic.starts_with("ld")),
            stores: usize::from(mnemonic.starts_with("st")),
            stack: operands.contains("[sp"),
            stack_bytes: 0,
            aligns: false,
            back_to: label.and_then(|label| blocks.get(label)).copied(),
        });
    }
    insts
}
