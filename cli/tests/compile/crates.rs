//! Crates on this machine and for one without an operating system.

use crate::case::{self, Case, listed};
use crate::support::Fixture;
use crate::{are_there, printed};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A program over the crate of a case, which prints what the command is expected to.
fn program(case: &Case) -> String {
    let name = &case.name;
    let inputs = case.inputs.iter().map(|tokens| listed(tokens));
    let inputs: Vec<String> = inputs.map(|ids| format!("&[{ids}]")).collect();
    format!(
        r#"
static mut MEMORY: {name}::Memory = {name}::Memory::new();

fn main() {{
    // SAFETY: nobody else takes it.
    let mut model = {name}::Model::new(unsafe {{ &mut *(&raw mut MEMORY) }});
    let inputs: &[&[u32]] = &[{}];
    println!("{name}");
    for tokens in inputs {{
        model.reset();
        for logit in model.prefill(tokens).expect("tokens of the model") {{
            print!("{{:08x}} ", logit.to_bits());
        }}
        println!("{{}}", model.argmax());
    }}
}}
"#,
        inputs.join(", ")
    )
}

fn rustc(folder: &Path, args: &[&str]) {
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "-O", "-D", "warnings"]);
    printed(rustc.args(args).current_dir(folder));
}

#[test]
fn crates_have_the_commands_bits_and_need_nothing() {
    let fixture = Fixture::new();
    for (case, block) in case::all(&fixture)
        .iter()
        .zip(["1", "5", "3", "1", "4", "1", "8"])
    {
        let folder = fixture.path(&case.name);
        let more = ["--block", block, "--out", folder.to_str().unwrap()];
        fixture.ok(&case.compile("rust", &more));
        let crate_name = format!("--crate-name={}", case.name);
        rustc(&folder, &["--crate-type=rlib", &crate_name, "src/lib.rs"]);
        fs::write(folder.join("main.rs"), program(case)).unwrap();
        let library = format!("{0}=lib{0}.rlib", case.name);
        rustc(&folder, &["--extern", &library, "main.rs"]);
        let found = printed(&mut Command::new(folder.join("main")));
        assert_eq!(found, case.expected(), "{}", case.name);
    }
}

#[test]
fn a_crate_is_one_for_cargo() {
    let fixture = Fixture::new();
    fixture.ok(&["compile", "cl.bin", "--target", "rust", "--out", "cl"]);
    let cargo = |args: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline"]).args(args);
        cargo.env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        printed(cargo.current_dir(fixture.path("cl")));
    };
    cargo(&[]);
    assert!(fixture.path("cl/target/debug/libcl.rlib").exists());
}

/// By a distribution's compiler, which has the sources of `core`.
#[test]
#[ignore = "half a minute of compiling `core`"]
fn a_crate_is_built_for_machines_without_an_operating_system() {
    let [cargo, rustc] = ["/usr/bin/cargo", "/usr/bin/rustc"];
    if !are_there(&[cargo, rustc]) {
        return;
    }
    let fixture = Fixture::new();
    for case in case::all(&fixture) {
        let folder = fixture.path(&case.name);
        fixture.ok(&case.compile("rust", &["--out", folder.to_str().unwrap()]));
        for target in [
            "thumbv7em-none-eabihf",
            "thumbv6m-none-eabi",
            "riscv32imac-unknown-none-elf",
        ] {
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "-Z", "build-std=core", "--release"]);
            build
                .args(["--target", target, "--target-dir"])
                .arg(fixture.path("target"));
            build.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
            printed(build.env_remove("RUSTFLAGS").current_dir(&folder));
        }
    }
}
