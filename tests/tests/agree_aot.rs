//! The kernels of atome-kernels, of every op and tier this CPU runs, against the scalar
//! reference: bit for bit, guards between the buffers included.

use atome_codegen::op;
use atome_kernels::{Kernel, dispatch, find, kernels};
use atome_spec::{Method, Op, Tier, each_op};
use atome_tests::cases::{self, Case, Memory};

/// Calls a kernel on the case's arguments.
fn agrees(case: &Case, kernel: &Kernel) {
    let mut memory = Memory::new(case);
    let (bytes, buffers) = memory.bytes_mut();
    let start = bytes.as_mut_ptr().expose_provenance();
    let addresses = buffers.iter().map(|b| (start + b.start) as u64);
    let dims = case.dims.iter().map(|(_, n)| *n);
    let scalars = case.scalars.iter().map(|s| u64::from(s.to_bits()));
    let arguments: Vec<u64> = addresses.chain(dims).chain(scalars).collect();
    // SAFETY: the CPU runs the tier, and the interpreter, which checks every access, runs the
    // same case within the same buffers.
    unsafe { kernel.call(&arguments) };
    if let Err(mismatch) = memory.verify(case) {
        panic!("{case}\n{}: {mismatch}", kernel.name);
    }
}

fn op_agrees(op: Op) {
    if op::has_expr(op) {
        return;
    }
    let cases = cases::of(op);
    assert!(!cases.is_empty(), "{op} has cases");
    for &tier in Tier::ALL {
        if kernels(tier).is_empty() {
            println!("skipped: {tier} is of another architecture");
        } else if !dispatch::available(tier) {
            println!("skipped: this CPU does not run {tier}");
        } else {
            for case in &cases {
                let same = |k: &&Kernel| k.kind == case.spec.kind();
                let mut found = 0;
                for kernel in kernels(tier).iter().filter(same) {
                    if dispatch::has(kernel.isa) {
                        agrees(case, kernel);
                        found += 1;
                    } else {
                        println!("skipped: this CPU does not run {}", kernel.name);
                    }
                }
                let selects = case.spec.method == Some(Method::Select);
                assert!(found > 0 || selects, "no kernel for {case} on {tier}");
            }
        }
    }
}

#[test]
fn every_tier_has_every_kernel_once() {
    let mut names = Vec::new();
    for &tier in Tier::ALL {
        for kernel in kernels(tier) {
            assert_eq!(kernel.isa.tier(), tier);
            assert!(kernel.name.ends_with(kernel.isa.name()), "{}", kernel.name);
            assert!(!kernel.entry().is_null());
            let found = find(kernel.kind, tier).expect("it is in the table");
            assert!(dispatch::has(found.isa) || !dispatch::available(tier));
            assert!(found.isa >= kernel.isa || !dispatch::has(kernel.isa));
            names.push(kernel.name);
        }
        let ops = kernels(tier).iter().map(|k| k.kind.op);
        // What an expression says is made of the kernels of elementwise ops.
        let mut all = Op::ALL.iter().filter(|op| !op::has_expr(**op));
        let missing = all.find(|op| !ops.clone().any(|o| o == **op));
        assert!(kernels(tier).is_empty() || missing.is_none(), "{missing:?}");
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "names are distinct");
}

/// One test an op, so that they run in parallel and fail by name.
macro_rules! tests {
    ($($name:ident: $op:ident,)+) => {
        $(#[test] fn $name() { op_agrees(Op::$op); })+
    };
}

each_op!(tests);
