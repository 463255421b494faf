use super::code::{Inst, aarch64_asm, count, dot_loop, facts, loop_of};
use super::int8::product;
use atome_codegen::emit::rust;
use atome_codegen::{KernelSpec, compile_for, schedule};
use atome_spec::{Isa, Op, Packing};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The compiler of a distribution that has another architecture's library beside this one's.
const RUSTC: &str = "/usr/bin/rustc";
const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Kernels as they are ahead of time, of one shape: of any, they take ten times as long to compile.
fn kernels() -> Vec<(String, KernelSpec, Isa)> {
    let mut kernels = Vec::new();
    for isa in [Isa::Neon, Isa::Dotprod, Isa::I8mm] {
        for op in [Op::Gemv, Op::Gemm] {
            for packing in [Packing::Int2, Packing::Base3] {
                let name = format!("{op}_{packing}_{isa}");
                kernels.push((name, product(op, packing), isa));
            }
        }
    }
    kernels.retain(|(_, spec, isa)| schedule::is_ahead_of_time(spec.kind(), *isa));
    kernels
}

/// The instructions of each kernel; `None`, said on stderr, without the compiler.
fn compiled() -> Option<BTreeMap<String, Vec<Inst>>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [source, assembly] = ["kernels.rs", "kernels.s"].map(|name| folder.path().join(name));
    let mut text = "#![no_std]\n#![crate_type = \"lib\"]\n".to_owned();
    for (name, spec, isa) in kernels() {
        let mut function = compile_for(&spec, isa).expect("every product has a form");
        function.name = name;
        let item = rust::emit_file(&function, isa).expect("every instruction set has one");
        text += &item.replacen("pub unsafe extern", "#[no_mangle]\npub unsafe extern", 1);
    }
    std::fs::write(&source, text).expect("the temporary folder is writable");
    let has_library = Path::new("/usr/lib/rustlib").join(TARGET).is_dir();
    if !Path::new(RUSTC).exists() || !has_library {
        eprintln!("skipped: no compiler for {TARGET}");
        return None;
    }
    let status = Command::new(RUSTC)
        .args([
            "--edition",
            "2021",
            "--target",
            TARGET,
            "-O",
            "--emit",
            "asm",
        ])
        .args(["-C", "codegen-units=1", "-o"])
        .args([&assembly, &source])
        .status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "the kernels compile"
    );
    let assembly = std::fs::read_to_string(assembly).expect("the compiler wrote it");
    let of = |name: String| {
        let (_, from) = assembly.split_once(&format!("\n{name}:\n"))?;
        let (code, _) = from.split_once(".Lfunc_end")?;
        Some((name, aarch64_asm(code)))
    };
    let found = kernels().into_iter().map(|(name, ..)| of(name));
    Some(
        found
            .map(|code| code.expect("the kernel is there"))
            .collect(),
    )
}

/// Loops of products have the instruction that the CPU has for them, as many as there are quads of a word,
/// or tokens of a tile, and keep what they work with in registers.
#[test]
fn loops_of_products_touch_no_stack() {
    let Some(code) = compiled() else { return };
    // Four registers a group of rows.
    for (name, product, times) in [
        ("gemv_int2_neon", "addp", 4 * 4),
        ("gemv_int2_dotprod", "sdot", 4 * 4),
        ("gemv_base3_dotprod", "sdot", 4 * 5),
        ("gemv_int2_i8mm", "usdot", 4 * 4),
        ("gemm_int2_neon", "addp", 4 * 4),
        ("gemm_base3_neon", "addp", 4 * 4),
        ("gemm_int2_dotprod", "sdot", 4 * 4),
        ("gemm_base3_dotprod", "sdot", 4 * 4),
    ] {
        let insts = &code[name];
        let hot = loop_of(insts, product, times);
        assert_eq!(facts(hot).stack, 0, "{name}");
        assert_eq!(facts(hot).stores, 0, "{name}");
    }
    // Thirds of magnitudes are products too: two a register.
    let base3 = dot_loop(&code["gemv_base3_dotprod"]);
    assert_eq!(count(base3, "umull") + count(base3, "umull2"), 4 * 2);
    assert_eq!(count(base3, "tbl"), 4);
    // Without `sdot` two of the constants are read again.
    let neon = loop_of(&code["gemv_base3_neon"], "addp", 4 * 5);
    assert!(facts(neon).stack <= 4, "{:?}", facts(neon));
}
