use super::code::{Facts, Inst, count, cranelift, dot_loop, facts, hot_loop, loop_of};
use super::{code_for, compiled, laid_out};
use atome_codegen::emit::clif;
use atome_codegen::schedule::Fields;
use atome_codegen::{KernelSpec, schedule};
use atome_spec::layout::BLOCK_ROWS;
use atome_spec::{Activation, Isa, LANES, Method, Op, Packing, Target};

const PACKINGS: [Packing; 2] = [Packing::Int2, Packing::Base3];
const X86_64: [Target; 3] = [Target::X86_64V2, Target::X86_64V3, Target::X86_64V4];
/// 128-bit parts of a group of 16 rows.
const PARTS: usize = 4;

pub(super) fn product(op: Op, packing: Packing) -> KernelSpec {
    let spec = KernelSpec::new(op)
        .packing(packing)
        .activation(Activation::I8)
        .bind("rows", 1024)
        .bind("cols", 4096);
    match op {
        Op::Gemm => spec.bind("tokens", 64).bind("out_stride", 1024),
        _ => spec,
    }
}

/// What an iteration does for a tile of groups of rows and tokens: it reads the codes of each
/// group and a word of activations for each quad of columns and token, writes nothing, keeps
/// everything in registers, and has one instruction for the products of each quad, part, group
/// and token.
fn per_iteration(packing: Packing, groups: usize, tokens: usize) -> Facts {
    let quads = match packing {
        Packing::Int2 => 4,
        _ => 5,
    };
    let dots = quads * groups * PARTS * tokens;
    Facts {
        loads: groups * PARTS + quads * tokens,
        multiplies: dots,
        dots,
        ..Facts::default()
    }
}

/// Tokens of a tile of narrow code.
fn tokens(spec: &KernelSpec) -> usize {
    let tokens = schedule::select(spec, Isa::Sse41).nr;
    tokens.expect("a product has tiles") as usize
}

#[test]
fn sdot_loops_on_cortex_a76() {
    for packing in PACKINGS {
        let function = compiled(&product(Op::Gemv, packing), Isa::Dotprod);
        let insts = code_for(&function, Target::CortexA76);
        let hot = dot_loop(&insts);
        let expected = per_iteration(packing, 1, 1);
        assert_eq!(facts(hot), expected, "{packing}");
        assert_eq!(count(hot, "sdot"), expected.dots, "{packing}");
        // Unpacked for many tokens, and then a quad an iteration: codes, and a word of each token.
        let function = compiled(&product(Op::Gemm, packing), Isa::Dotprod);
        let insts = code_for(&function, Target::CortexA76);
        let tokens = 4;
        let hot = facts(loop_of(&insts, "sdot", PARTS * tokens));
        assert_eq!(
            (hot.loads, hot.stores, hot.stack),
            (PARTS + tokens, 0, 0),
            "{packing}"
        );
    }
}

/// With `i8mm` the codes of the highest field are multiplied where they are.
#[test]
fn usdot_loops_on_aarch64_with_i8mm() {
    let isa = clif::isa_with(Target::Aarch64, Isa::I8mm).expect("it is built in");
    let spec = product(Op::Gemv, Packing::Int2);
    let schedule = schedule::select_narrow(&spec, Isa::I8mm);
    let insts = cranelift(&laid_out(&spec, &schedule), &*isa);
    let hot = dot_loop(&insts);
    let expected = per_iteration(Packing::Int2, 1, 1);
    assert_eq!(count(hot, "usdot"), expected.dots);
    assert_eq!(count(hot, "ushr"), 0);
    assert_eq!(facts(hot), expected);
}

#[test]
fn without_dot_product_there_is_no_sdot() {
    for op in [Op::Gemv, Op::Gemm] {
        for packing in PACKINGS {
            let function = compiled(&product(op, packing), Isa::Neon);
            let insts = code_for(&function, Target::Aarch64);
            assert_eq!(count(&insts, "sdot"), 0, "{op} {packing}");
        }
    }
}

#[test]
fn pmaddubsw_loops_on_x86_64() {
    for op in [Op::Gemv, Op::Gemm] {
        for packing in PACKINGS {
            let spec = product(op, packing);
            let (function, tokens) = (compiled(&spec, Isa::Sse41), tokens(&spec));
            for target in X86_64 {
                let insts = code_for(&function, target);
                let dots = match (op, packing) {
                    // Unpacked for many tokens, and then a quad an iteration.
                    (Op::Gemm, Packing::Base3) => PARTS * tokens,
                    _ => per_iteration(packing, 1, tokens).dots,
                };
                let hot = loop_of(&insts, "pmaddubsw", dots);
                let case = format!("{op} {packing} {target}");
                assert_eq!(count(hot, "pmaddubsw"), dots, "{case}");
                // Sums of pairs are widened outside the loop.
                assert_eq!(count(hot, "paddw"), dots, "{case}");
                assert_eq!(facts(hot).multiplies, dots, "{case}");
            }
        }
    }
    // Sixteen registers hold everything of a gemv of int2 codes, whose loop is what a token
    // waits for.
    let function = compiled(&product(Op::Gemv, Packing::Int2), Isa::Sse41);
    for target in X86_64 {
        let expected = per_iteration(Packing::Int2, 1, 1);
        let of_gemv = Facts {
            // The mask of a field is in memory.
            loads: expected.loads,
            ..expected
        };
        let insts = code_for(&function, target);
        assert_eq!(facts(dot_loop(&insts)), of_gemv, "{target}");
    }
}

#[test]
fn vpdpbusd_loops_on_x86_64_with_vnni() {
    let isa = clif::isa_with(Target::X86_64V4, Isa::Avx512Vnni).expect("it is built in");
    for op in [Op::Gemv, Op::Gemm] {
        let tokens = |packing| tokens(&product(op, packing));
        let code = |packing| {
            let spec = product(op, packing);
            let schedule = schedule::select_narrow(&spec, Isa::Avx512Vnni);
            cranelift(&laid_out(&spec, &schedule), &*isa)
        };
        let insts = code(Packing::Int2);
        let expected = per_iteration(Packing::Int2, 1, tokens(Packing::Int2));
        assert_eq!(facts(dot_loop(&insts)), expected, "{op}");
        assert_eq!(count(dot_loop(&insts), "vpdpbusd"), expected.dots, "{op}");
        let insts = code(Packing::Base3);
        let dots = match op {
            Op::Gemm => PARTS * tokens(Packing::Base3),
            _ => per_iteration(Packing::Base3, 1, 1).dots,
        };
        loop_of(&insts, "vpdpbusd", dots);
    }
}

#[test]
fn lut_multiplies_by_the_scale_alone() {
    let machines = X86_64.map(|target| (Isa::Sse41, target));
    let others = [
        (Isa::Dotprod, Target::CortexA76),
        (Isa::Neon, Target::Aarch64),
    ];
    for (isa, target) in machines.into_iter().chain(others) {
        for op in [Op::Gemv, Op::Gemm] {
            for &packing in Packing::ALL {
                let spec = product(op, packing).without_multiply();
                assert_eq!(spec.product(), Some(Method::Lut));
                let function = compiled(&spec, isa);
                let insts: Vec<Inst> = code_for(&function, target);
                let case = format!("{op} {packing} {target}");
                assert_eq!(facts(hot_loop(&insts)).multiplies, 0, "{case}");
                // The two scales by each other, then each part of a group's sums, of all four of a
                // block where tables are made for many rows.
                let schedule = schedule::select(&spec, isa);
                let rows = match schedule.fields {
                    Some(Fields::Pairs) => BLOCK_ROWS,
                    _ => schedule.mr.expect("a product has tiles") as usize,
                };
                let groups = rows / LANES;
                assert_eq!(facts(&insts).multiplies, 1 + groups * PARTS, "{case}");
            }
        }
    }
}
