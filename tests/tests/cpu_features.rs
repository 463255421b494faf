//! What a CPU is asked for before it runs an instruction set is what code for it may use: the
//! features that rustc enables in generated kernels, and those that Cranelift is told of.

use atome_codegen::emit::{clif, rust};
use atome_codegen::{KernelSpec, compile_for};
use atome_spec::{Activation, Isa, Op, Packing, Target, Tier};
use std::collections::BTreeSet;
use std::process::Command;

type Names = BTreeSet<String>;

fn asked_for(isa: Isa) -> Names {
    isa.features().map(|f| f.name().to_owned()).collect()
}

/// The target whose compiler knows the features of an instruction set.
fn triple(isa: Isa) -> Option<&'static str> {
    match isa.tier() {
        Tier::Portable => None,
        Tier::Neon => Some("aarch64-unknown-linux-gnu"),
        Tier::Wasm => Some("wasm32-unknown-unknown"),
        Tier::X86_64V2 | Tier::X86_64V3 | Tier::X86_64V4 => Some("x86_64-unknown-linux-gnu"),
    }
}

/// What the generated kernels enable.
fn enabled(isa: Isa) -> Names {
    let mut found = Names::new();
    for op in [Op::Gemm, Op::RmsQuantize, Op::ConvSilu] {
        let mut spec = KernelSpec::new(op);
        if op == Op::Gemm {
            spec = spec.activation(Activation::I8);
            spec.packing = Some(Packing::Base3);
        }
        let function = compile_for(&spec, isa).expect("every op has a form");
        let text = rust::emit_file(&function, isa).expect("every instruction set has one");
        let flat: String = text.split_whitespace().collect();
        for attribute in flat.split("target_feature(enable=\"").skip(1) {
            let names = attribute.split('"').next().unwrap_or_default();
            found.extend(names.split(',').map(str::to_owned));
        }
    }
    found
}

/// The features that rustc turns on, for these or without being asked, beyond the target's own.
fn implied(triple: &str, features: &Names) -> Names {
    let rustc = |features: &str| {
        let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
            .args(["--print", "cfg", "--target", triple])
            .args(["-C", &format!("target-feature={features}")])
            .output()
            .expect("rustc runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let names = text.lines().filter_map(|line| {
            let name = line.strip_prefix("target_feature=\"")?;
            Some(name.strip_suffix('"')?.to_owned())
        });
        names.collect::<Names>()
    };
    let asked: Vec<String> = features.iter().map(|f| format!("+{f}")).collect();
    let found = rustc(&asked.join(","));
    assert!(features.is_subset(&found), "{features:?}: {found:?}");
    found.difference(&rustc("")).cloned().collect()
}

/// What Cranelift is told of, by rustc's names without their dots: its own have `_` in some.
fn told_to_cranelift(target: Target, isa: Isa) -> Names {
    let built = clif::isa_with(target, isa).expect("a target with a back end");
    let flags = built.isa_flags();
    let on = flags.iter().filter(|flag| flag.as_bool() == Some(true));
    let names = on.filter_map(|flag| flag.name.strip_prefix("has_"));
    names.map(|name| name.replace('_', "")).collect()
}

#[test]
fn generated_rust_uses_what_a_cpu_is_asked_for() {
    for &isa in Isa::ALL {
        let Some(triple) = triple(isa) else {
            assert!(enabled(isa).is_empty() && asked_for(isa).is_empty());
            continue;
        };
        let used = implied(triple, &enabled(isa));
        let asked = asked_for(isa);
        assert!(
            used.is_subset(&asked),
            "{isa}: {used:?}, asked for {asked:?}"
        );
    }
}

#[test]
fn cranelift_is_told_of_what_a_cpu_is_asked_for() {
    let has_none = |isa: &Isa| matches!(isa.tier(), Tier::Portable | Tier::Wasm);
    for &isa in Isa::ALL.iter().filter(|isa| !has_none(isa)) {
        let is_class = |target: &Target| target.isa() == Some(isa.tier().baseline());
        let target = Target::ALL.iter().copied().find(is_class);
        let target = target.expect("a tier has a target");
        let told = told_to_cranelift(target, isa);
        let asked: Names = asked_for(isa).iter().map(|f| f.replace('.', "")).collect();
        assert!(
            told.is_subset(&asked),
            "{isa}: {told:?}, asked for {asked:?}"
        );
        // What only one of the two uses is asked for because that one does.
        let rust = triple(isa).map(|triple| implied(triple, &enabled(isa)));
        let rust = rust.into_iter().flatten().map(|f| f.replace('.', ""));
        let used: Names = rust.chain(told).collect();
        let mut unused = asked.difference(&used).filter(|f| *f != "neon");
        assert_eq!(unused.next(), None, "{isa}");
    }
}
