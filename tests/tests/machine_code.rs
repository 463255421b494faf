//! Facts about the machine code of hot loops: which instructions touch memory, that nothing is
//! spilled, and that a `select` kernel multiplies by its scale alone.

use atome_codegen::emit::clif;
use atome_codegen::ir::Function;
use atome_codegen::{KernelSpec, lower, passes, schedule};
use atome_spec::{Op, Packing, Target, Tier};
use iced_x86::{Decoder, DecoderOptions, FlowControl, InstructionInfoFactory, OpAccess, Register};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// What an instruction does, as far as these tests ask.
#[derive(Clone, Debug)]
struct Inst {
    mnemonic: String,
    loads: usize,
    stores: usize,
    stack: bool,
    /// Number of the instruction that a branch goes to, if it goes back.
    back_to: Option<usize>,
}

/// Instructions of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    loads: usize,
    stores: usize,
    /// Accesses to the stack, which are also loads or stores.
    stack: usize,
    /// Of numbers, not of indices.
    multiplies: usize,
    /// f32 vector sums.
    sums: usize,
}

fn facts(insts: &[Inst]) -> Facts {
    let mut facts = Facts::default();
    for inst in insts {
        let named = |parts: &[&str]| parts.iter().any(|p| inst.mnemonic.contains(p));
        facts.loads += inst.loads;
        facts.stores += inst.stores;
        facts.stack += usize::from(inst.stack);
        let product = named(&["mul", "fma", "fml", "mla", "pmadd"]) && inst.mnemonic != "imul";
        facts.multiplies += usize::from(product);
        facts.sums += usize::from(named(&["addps", "fadd"]));
    }
    facts
}

/// The longest loop that contains no other.
fn hot_loop(insts: &[Inst]) -> &[Inst] {
    let loops: Vec<RangeInclusive<usize>> = insts
        .iter()
        .enumerate()
        .filter_map(|(at, inst)| Some(inst.back_to?..=at))
        .collect();
    let innermost = loops.iter().filter(|outer| {
        !loops
            .iter()
            .any(|l| l != *outer && outer.contains(l.start()) && outer.contains(l.end()))
    });
    let longest = innermost.max_by_key(|l| l.end() - l.start());
    &insts[longest.expect("the kernel has a loop").clone()]
}

fn x86_64(function: &Function, target: Target) -> Vec<Inst> {
    let isa = clif::isa(target).expect("the x86-64 back end is built in");
    let code = clif::machine_code(function, &*isa).expect("machine code");
    let mut decoder = Decoder::new(64, &code, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut numbers = HashMap::new();
    let mut insts = Vec::new();
    // Constants follow the one return.
    loop {
        let inst = decoder.decode();
        assert!(!inst.is_invalid(), "at {:#x}", inst.ip());
        numbers.insert(inst.ip(), insts.len());
        let flow = inst.flow_control();
        let memory = factory.info(&inst).used_memory();
        let accesses = |kinds: &[OpAccess]| {
            memory
                .iter()
                .filter(|m| kinds.contains(&m.access()))
                .count()
        };
        let branches = matches!(
            flow,
            FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
        );
        insts.push(Inst {
            mnemonic: format!("{:?}", inst.mnemonic()).to_lowercase(),
            loads: accesses(&[OpAccess::Read, OpAccess::ReadWrite, OpAccess::CondRead]),
            stores: accesses(&[OpAccess::Write, OpAccess::ReadWrite, OpAccess::CondWrite]),
            stack: memory
                .iter()
                .any(|m| [Register::RSP, Register::RBP].contains(&m.base())),
            back_to: branches
                .then(|| numbers.get(&inst.near_branch_target()).copied())
                .flatten(),
        });
        if flow == FlowControl::Return {
            return insts;
        }
    }
}

/// From Cranelift's notation; a jump there names a block by its label.
fn cortex_a76(function: &Function) -> Vec<Inst> {
    let isa = clif::isa(Target::CortexA76).expect("the AArch64 back end is built in");
    let text = clif::asm(function, &*isa).expect("machine code");
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
            back_to: label.and_then(|label| blocks.get(label)).copied(),
        });
    }
    insts
}

/// The function of a specification on the schedule for vectors of 128 bits.
fn compiled(spec: KernelSpec, tier: Tier) -> Function {
    let mut function = lower::lower(&spec, &schedule::select(&spec, tier));
    passes::optimise(&mut function);
    function
}

fn gemv() -> KernelSpec {
    KernelSpec::new(Op::Gemv)
        .packing(Packing::Int2)
        .bind("rows", 1024)
        .bind("cols", 4096)
}

fn embed(packing: Packing) -> KernelSpec {
    KernelSpec::new(Op::Embed)
        .packing(packing)
        .bind("vocab", 32_000)
        .bind("d_model", 4096)
}

#[test]
fn gemv_loop_on_x86_64() {
    let function = compiled(gemv(), Tier::X86_64V2);
    for target in [Target::X86_64V2, Target::X86_64V3, Target::X86_64V4] {
        let insts = x86_64(&function, target);
        // 16 rows by 16 columns: four parts of codes and 16 activations in, nothing out; a
        // sum for each column of each part.
        let per_iteration = Facts {
            loads: 4 + 16,
            sums: 4 * 16,
            ..Facts::default()
        };
        assert_eq!(facts(hot_loop(&insts)), per_iteration, "{target}");
        assert_eq!(
            facts(&insts).multiplies,
            4,
            "{target}: one by the scale for each part"
        );
    }
}

#[test]
fn gemv_loop_on_cortex_a76() {
    let insts = cortex_a76(&compiled(gemv(), Tier::Neon));
    // 32 rows by 16 columns.
    let per_iteration = Facts {
        loads: 8 + 16,
        sums: 8 * 16,
        ..Facts::default()
    };
    assert_eq!(facts(hot_loop(&insts)), per_iteration);
    assert_eq!(
        facts(&insts).multiplies,
        8,
        "one by the scale for each part"
    );
}

#[test]
fn embed_loops_never_multiply_or_spill() {
    let function = compiled(embed(Packing::Int2), Tier::X86_64V2);
    // A tile: four parts of codes in, 256 columns out.
    let per_tile = Facts {
        loads: 4,
        stores: 64,
        ..Facts::default()
    };
    for target in [Target::X86_64V2, Target::X86_64V3, Target::X86_64V4] {
        let insts = x86_64(&function, target);
        assert_eq!(facts(hot_loop(&insts)), per_tile, "{target}");
        assert_eq!(facts(&insts).multiplies, 0, "{target}");
    }
    let insts = cortex_a76(&compiled(embed(Packing::Int2), Tier::Neon));
    assert_eq!(facts(hot_loop(&insts)), per_tile);
}

#[test]
fn code_bytes_are_the_same_every_time() {
    let isa = clif::isa(Target::X86_64V3).expect("the x86-64 back end is built in");
    let code = || clif::machine_code(&compiled(gemv(), Tier::X86_64V2), &*isa).expect("code");
    assert_eq!(code(), code());
}
