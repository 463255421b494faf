//! Emits random functions as Rust for every CPU tier, for `tests/random_rust.rs` to run.

use atome_codegen::emit::rust::{caller, emit, target_arch};
use atome_codegen::testing::random_function;
use atome_spec::Tier;
use std::fmt::Write;
use std::path::Path;
use std::{env, error, fs};

/// Functions of each tier.
const FUNCTIONS: u64 = 40;

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let mut source = String::new();
    for &tier in Tier::ALL {
        if let Some(arch) = target_arch(tier) {
            writeln!(source, "#[cfg(target_arch = \"{arch}\")]")?;
        }
        let module = tier.name().replace('-', "_");
        writeln!(source, "pub mod {module} {{")?;
        let mut table = String::new();
        for seed in 0..FUNCTIONS {
            let function = random_function(seed);
            let name = format!("call_{seed}");
            writeln!(source, "{}", emit(&function, tier)?)?;
            writeln!(source, "{}", caller(&function, &name)?)?;
            write!(table, "({seed}, {name}), ")?;
        }
        writeln!(
            source,
            "pub static FUNCTIONS: &[super::Entry] = &[{table}];\n}}"
        )?;
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("random_rust.rs"), source)?;
    Ok(())
}
