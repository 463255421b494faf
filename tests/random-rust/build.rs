//! Emits random functions, and the square root, as Rust for every instruction set, for
//! `tests/random_rust.rs` to run.

use atome_codegen::emit::rust::{Vectors, caller, condition, emit, emit_all};
use atome_codegen::ir::{Access, Address, Builder, Elem, Function, Lanes, UnaryOp};
use atome_codegen::testing::random_function;
use atome_spec::Isa;
use std::fmt::Write;
use std::path::Path;
use std::{env, error, fs};

/// Functions of each instruction set.
const FUNCTIONS: u64 = 40;

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let (mut source, mut modules) = (String::new(), String::new());
    for &isa in Isa::ALL {
        if let Some(condition) = condition(isa) {
            let condition = format!("#[cfg({condition})]");
            writeln!(source, "{condition}")?;
            writeln!(modules, "{condition}")?;
        }
        let module = isa.name().replace('.', "").replace('-', "_");
        writeln!(modules, "{module}: {isa:?},")?;
        // Generated code stands in anyone's crate, whatever is in scope there.
        writeln!(source, "pub mod {module} {{\n#![no_implicit_prelude]")?;
        writeln!(source, "{}", emit(&square_root(), isa)?)?;
        writeln!(source, "{}", caller(&square_root(), "call_square_root")?)?;
        writeln!(
            source,
            "pub const SQUARE_ROOT: super::Call = call_square_root;"
        )?;
        let mut table = String::new();
        for seed in 0..FUNCTIONS {
            let function = random_function(seed);
            let name = format!("call_{seed}");
            writeln!(source, "{}", emit(&function, isa)?)?;
            writeln!(source, "{}", caller(&function, &name)?)?;
            write!(table, "({seed}, {name}), ")?;
        }
        writeln!(
            source,
            "pub static FUNCTIONS: &[super::Entry] = &[{table}];\n}}"
        )?;
    }
    // The portable tier once more, lane by lane.
    writeln!(source, "pub mod by_lanes {{\n#![no_implicit_prelude]")?;
    let mut table = String::new();
    let functions: Vec<Function> = (0..FUNCTIONS).map(random_function).collect();
    writeln!(
        source,
        "{}",
        emit_all(&functions, Isa::Portable, Vectors::Lanes)?
    )?;
    for (seed, function) in functions.iter().enumerate() {
        let name = format!("call_{seed}");
        writeln!(source, "{}", caller(function, &name)?)?;
        write!(table, "({seed}, {name}), ")?;
    }
    writeln!(
        source,
        "pub static FUNCTIONS: &[super::Entry] = &[{table}];\n}}"
    )?;
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("random_rust.rs"), source)?;
    fs::write(
        out.join("random_rust_isas.rs"),
        format!("isas! {{ {modules} }}"),
    )?;
    Ok(())
}

/// `out[i] = sqrt(x[i])`, by vectors, and once more by scalars: `scalar[i]`.
fn square_root() -> Function {
    let mut b = Builder::new("square_root");
    let n = b.dim("n");
    let x = b.buffer("x", Access::In, Elem::F32, n.clone());
    let out = b.buffer("out", Access::Out, Elem::F32, n.clone());
    let scalar = b.buffer("scalar", Access::Out, Elem::F32, n.clone());
    b.for_each_vector(&n, &[], |b, at, lanes, _| {
        let v = b.load_vector(x, at.clone(), lanes.clone());
        let root = b.unary(UnaryOp::Sqrt, v);
        b.store(out, at, root, lanes);
        vec![]
    });
    b.for_loop(n, &[], |b, i, _| {
        let at = Address::of(&[(i, 1.into())]);
        let v = b.load(x, at.clone());
        let root = b.unary(UnaryOp::Sqrt, v);
        b.store(scalar, at, root, Lanes::All);
        vec![]
    });
    b.finish()
}
