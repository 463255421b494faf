use super::code::{Facts, facts, hot_loop};
use super::{code_for, compiled};
use atome_codegen::KernelSpec;
use atome_codegen::emit::clif;
use atome_spec::{Isa, Op, Packing, Target};

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
    let function = compiled(&gemv(), Isa::Sse41);
    for target in [Target::X86_64V2, Target::X86_64V3, Target::X86_64V4] {
        let insts = code_for(&function, target);
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
    let insts = code_for(&compiled(&gemv(), Isa::Dotprod), Target::CortexA76);
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
    let function = compiled(&embed(Packing::Int2), Isa::Sse41);
    // A tile: four parts of codes in, 256 columns out.
    let per_tile = Facts {
        loads: 4,
        stores: 64,
        ..Facts::default()
    };
    for target in [Target::X86_64V2, Target::X86_64V3, Target::X86_64V4] {
        let insts = code_for(&function, target);
        assert_eq!(facts(hot_loop(&insts)), per_tile, "{target}");
        assert_eq!(facts(&insts).multiplies, 0, "{target}");
    }
    let function = compiled(&embed(Packing::Int2), Isa::Dotprod);
    let insts = code_for(&function, Target::CortexA76);
    assert_eq!(facts(hot_loop(&insts)), per_tile);
}

#[test]
fn code_bytes_are_the_same_every_time() {
    let isa = clif::isa(Target::X86_64V3).expect("the x86-64 back end is built in");
    let code = || clif::machine_code(&compiled(&gemv(), Isa::Sse41), &*isa).expect("code");
    assert_eq!(code(), code());
}
