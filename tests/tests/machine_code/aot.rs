use super::code::{Inst, count, dot_loop, facts, in_loop, loop_of, x86_64};
use atome_kernels::{Kernel, dispatch, kernels};
use atome_spec::{Activation, Isa, Op, Packing, Tier};
use iced_x86::FlowControl;
use std::cell::Cell;

/// The machine code of a kernel in this very program, up to a return that nothing before it jumps over.
fn code(kernel: &Kernel) -> Vec<Inst> {
    let entry = kernel.entry().addr();
    let all = Tier::ALL.iter().flat_map(|tier| kernels(*tier));
    let entries = all.map(|k| k.entry().addr());
    let next = entries.filter(|&other| other > entry).min();
    // The last one is followed by whatever the program has, and ends before that does.
    let len = next.map_or(1 << 12, |next| next - entry);
    // SAFETY: both ends lie in this program's code, all of which is readable.
    let bytes = unsafe { std::slice::from_raw_parts(kernel.entry().cast::<u8>(), len) };
    let furthest = Cell::new(0);
    x86_64(bytes, |inst| {
        furthest.set(furthest.get().max(inst.near_branch_target()));
        inst.flow_control() == FlowControl::Return && inst.ip() >= furthest.get()
    })
}

fn find(op: Op, packing: Packing, isa: Isa) -> &'static Kernel {
    named(&format!("{op}-{packing}-{}-{isa}", Activation::I8), isa)
}

fn named(name: &str, isa: Isa) -> &'static Kernel {
    let mut kernels = kernels(isa.tier()).iter();
    kernels
        .find(|k| k.name == name)
        .expect("it is in the table")
}

/// Of the microkernels' tiles, the schedule's: four groups of rows a vector each, by the quads
/// of a word, by the tokens.
#[test]
fn vpdpbusd_loops_of_the_microkernels() {
    if !cfg!(target_arch = "x86_64") || !dispatch::has(Isa::Avx512Vnni) {
        println!("skipped: this CPU does not run {}", Isa::Avx512Vnni);
        return;
    }
    for (op, packing, isa, dots) in [
        (Op::Gemv, Packing::Int2, Isa::Avx512Vnni, 4 * 4),
        (Op::Gemm, Packing::Int2, Isa::Avx512Vnni, 4 * 4 * 4),
        // The codes of a group of rows of two registers, and of four of one.
        (Op::Gemv, Packing::Base3, Isa::AvxVnni, 2 * 5),
        (Op::Gemv, Packing::Base3, Isa::Avx512Vbmi, 4 * 5),
        (Op::Gemm, Packing::Base3, Isa::Avx512Vbmi, 4 * 5 * 4),
        // A group of two registers by four places, or by four tokens and four quads.
        (Op::Gemv, Packing::Int2, Isa::AvxVnni, 2 * 4),
        (Op::Gemm, Packing::Int2, Isa::AvxVnni, 2 * 4 * 4),
    ] {
        let kernel = find(op, packing, isa);
        let insts = code(kernel);
        // Ends of tiles are loops too, by the order that LLVM gives them.
        let hot = match packing {
            Packing::Base3 => loop_of(&insts, "vpdpbusd", dots),
            Packing::Int2 | Packing::Sorted => dot_loop(&insts),
        };
        assert_eq!(count(hot, "vpdpbusd"), dots, "{}", kernel.name);
    }
    // Codes of four groups, and a word of activations for each quad; nothing is spilled.
    let insts = code(find(Op::Gemv, Packing::Int2, Isa::Avx512Vnni));
    let facts = facts(dot_loop(&insts));
    assert_eq!((facts.loads, facts.stores, facts.stack), (4 + 4, 0, 0));
}

/// Without such an instruction the products of a quad are one instruction too, and a sum of 16 bits
/// another; nothing is spilled, where pointers are not checked for being aligned.
#[test]
fn vpmaddubsw_loops_of_the_microkernels() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the kernels of x86-64 are not in this program");
        return;
    }
    for (op, isa, registers) in [
        // Two groups of rows, or one by four tokens, of two registers each.
        (Op::Gemv, Isa::Avx2, 4),
        (Op::Gemm, Isa::Avx2, 8),
        // Four groups of rows, or two by six tokens.
        (Op::Gemv, Isa::Avx512, 4),
        (Op::Gemm, Isa::Avx512, 12),
    ] {
        let kernel = find(op, Packing::Int2, isa);
        let insts = code(kernel);
        let hot = dot_loop(&insts);
        let products = count(hot, "vpmaddubsw");
        assert_eq!(products, 4 * registers, "{}", kernel.name);
        assert_eq!(count(hot, "vpaddw"), products, "{}", kernel.name);
        assert_eq!(count(hot, "vpmaddwd"), 0, "{}", kernel.name);
        if !cfg!(debug_assertions) {
            assert_eq!(facts(hot).stack, 0, "{}", kernel.name);
        }
    }
}

/// Without multiplications: a look-up and a sum for each register of rows, table and token, and nothing
/// goes to memory before all columns of a part are summed.
#[test]
fn look_up_loops_of_the_microkernels() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the kernels of x86-64 are not in this program");
        return;
    }
    for (name, isa, look_up, times, sum) in [
        // Eight pairs of a word, two tables each, by a block of two registers.
        ("gemv-sorted-i8", Isa::Avx2, "vpshufb", 8 * 2 * 2, "vpaddb"),
        ("gemm-sorted-i8", Isa::Avx2, "vpshufb", 8 * 2 * 2, "vpaddb"),
        // The triples of two bytes, by a block of two registers and four tokens.
        (
            "gemm-int2-i8-lut",
            Isa::Avx512,
            "vpermw",
            2 * 2 * 4,
            "vpaddw",
        ),
    ] {
        let kernel = named(&format!("{name}-{isa}"), isa);
        let insts = code(kernel);
        let hot = loop_of(&insts, look_up, times);
        keeps_its_sums(kernel, hot);
        // Of bytes the first are no sum.
        let first = if sum == "vpaddb" { 4 } else { 0 };
        assert_eq!(count(hot, sum), times - first, "{}", kernel.name);
    }
    // Four tables of 64 entries and two smaller ones, by a block of two registers; merging the halves of
    // two groups' words is the same instruction.
    let kernel = named("gemv-int2-i8-lut-avx512f", Isa::Avx512);
    let insts = code(kernel);
    let hot = loop_of(&insts, "vpaddw", 6 * 2);
    assert_eq!(count(hot, "vpermw"), 2 * 2, "{}", kernel.name);
    keeps_its_sums(kernel, hot);
}

/// Vectors that loops keep on the stack never lie across the end of a page, where storing and loading one takes more than twice
/// as long: the stack begins with a line.
#[test]
fn vectors_on_the_stack_are_aligned() {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the kernels of x86-64 are not in this program");
        return;
    }
    let (mut kept, mut astray) = (0, Vec::new());
    for kernel in [Tier::X86_64V3, Tier::X86_64V4]
        .into_iter()
        .flat_map(kernels)
    {
        let insts = code(kernel);
        let is_wide =
            |(number, inst): (usize, &Inst)| inst.stack_bytes > 16 && in_loop(&insts, number);
        if insts.iter().enumerate().any(is_wide) {
            kept += 1;
            if !insts.iter().any(|inst| inst.aligns) {
                astray.push(kernel.name);
            }
        }
    }
    assert!(kept > 20, "{kept} kernels keep vectors on the stack");
    assert!(astray.is_empty(), "{astray:?}");
}

/// Nothing is multiplied, and nothing is written where pointers are not checked for being aligned.
fn keeps_its_sums(kernel: &Kernel, hot: &[Inst]) {
    let facts = facts(hot);
    assert_eq!(facts.multiplies, 0, "{}", kernel.name);
    if !cfg!(debug_assertions) {
        assert_eq!(facts.stores, 0, "{}", kernel.name);
    }
}
