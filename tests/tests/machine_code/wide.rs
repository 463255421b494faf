//! Code of 256 and 512 bits: each instruction is the one that its text says, and the loops of products
//! keep what they work with in registers.

use super::code::{count, dot_loop, facts, hot_loop, loop_of, x86_64};
use super::compiled;
use atome_codegen::emit::x86;
use atome_codegen::{KernelSpec, op};
use atome_spec::{Activation, Isa, Op, Packing};
use iced_x86::{FlowControl, Instruction, Mnemonic};

const ISAS: [Isa; 5] = [
    Isa::Avx2,
    Isa::AvxVnni,
    Isa::Avx512,
    Isa::Avx512Vnni,
    Isa::Avx512Vbmi,
];

fn is_return(inst: &Instruction) -> bool {
    inst.flow_control() == FlowControl::Return
}

/// The mnemonics of an instruction's text that a disassembler calls otherwise.
fn called(name: &str) -> Vec<String> {
    let also: &[&str] = match name {
        "jz" => &["je"],
        "vpand" => &["vpandd"],
        "vpandn" => &["vpandnd"],
        "vpor" => &["vpord"],
        "vpxor" => &["vpxord"],
        "vextractf128" => &["vextractf32x4"],
        _ => &[],
    };
    let all = std::iter::once(&name).chain(also);
    all.map(|name| (*name).to_owned()).collect()
}

#[test]
fn each_instruction_is_what_its_text_says() {
    let nop = format!("{:?}", Mnemonic::Nop).to_lowercase();
    let mut compared = 0;
    for kind in op::kinds() {
        for isa in ISAS {
            let function = compiled(&kind.into(), isa);
            let text = x86::asm(&function, isa).expect("a valid function");
            // A division is several instructions in one line.
            if text.contains("    div ") || text.contains("    rem ") {
                continue;
            }
            let lines = text.lines().filter(|line| line.starts_with(' '));
            let names = lines.map(|line| line.split_whitespace().next().unwrap_or_default());
            let names: Vec<Vec<String>> = names.map(called).collect();
            let code = x86::machine_code(&function, isa).expect("a valid function");
            let mut found = x86_64(&code, is_return);
            found.retain(|inst| count(std::slice::from_ref(inst), &nop) == 0);
            let is = |window: &[super::code::Inst]| {
                let mut pairs = window.iter().zip(&names);
                pairs.all(|(inst, names)| names.iter().any(|name| inst.is(name)))
            };
            assert!(
                found.windows(names.len()).any(is),
                "{} {isa}\n{text}",
                function.name
            );
            compared += names.len();
        }
    }
    assert!(compared > 10_000, "{compared}");
}

/// Of one token codes are indices as they lie: two tables for each pair of a word, by a block of two registers.
#[test]
fn loops_of_look_ups_touch_no_stack() {
    for isa in [Isa::Avx2, Isa::AvxVnni] {
        let spec = product(Op::Gemv, Activation::I8).packing(Packing::Sorted);
        let function = compiled(&spec, isa);
        let code = x86::machine_code(&function, isa).expect("a valid function");
        let insts = x86_64(&code, is_return);
        let hot = loop_of(&insts, "vpshufb", 8 * 2 * 2);
        let found = facts(hot);
        let touched = (found.multiplies, found.stores, found.stack);
        assert_eq!(touched, (0, 0, 0), "{isa}");
        // Beside masks, which are operands.
        let [codes, tables] = [8, 16];
        assert!(found.loads <= codes + tables + 4, "{isa}: {found:?}");
    }
}

fn product(op: Op, activation: Activation) -> KernelSpec {
    KernelSpec::new(op)
        .packing(Packing::Int2)
        .activation(activation)
        .bind("rows", 1024)
        .bind("cols", 4096)
}

#[test]
fn loops_of_products_touch_no_stack() {
    for isa in ISAS {
        for op in [Op::Gemv, Op::Gemm] {
            let function = compiled(&product(op, Activation::I8), isa);
            let code = x86::machine_code(&function, isa).expect("a valid function");
            let insts = x86_64(&code, is_return);
            let hot = facts(dot_loop(&insts));
            assert!(hot.dots > 0 && hot.stack == 0, "{op} {isa}: {hot:?}");
        }
        let function = compiled(&product(Op::Gemv, Activation::F32), isa);
        let code = x86::machine_code(&function, isa).expect("a valid function");
        let insts = x86_64(&code, is_return);
        let hot = hot_loop(&insts);
        assert!(facts(hot).sums > 0, "{isa}");
        assert_eq!(facts(hot).stack, 0, "{isa}");
    }
}
