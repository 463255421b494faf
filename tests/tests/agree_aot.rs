//! The kernels of atome-kernels, of every op and tier this CPU runs, against the scalar
//! reference: bit for bit, guards between the buffers included.

use atome_codegen::op::{self, Parts};
use atome_codegen::schedule;
use atome_kernels::{Kernel, dispatch, find, kernels};
use atome_spec::{Op, Tier, each_op};
use atome_tests::cases::{self, Case, Memory};

/// Calls a kernel on the case's arguments.
fn agrees(case: &Case, kernel: &Kernel) {
    agrees_in_calls(case, kernel, |arguments| vec![arguments.to_vec()]);
}

/// Makes one call or several of that on the case's arguments.
fn agrees_in_calls(case: &Case, kernel: &Kernel, calls: impl Fn(&[u64]) -> Vec<Vec<u64>>) {
    let mut memory = Memory::new(case);
    let (bytes, buffers) = memory.bytes_mut();
    let start = bytes.as_mut_ptr().expose_provenance();
    let addresses = buffers.iter().map(|b| (start + b.start) as u64);
    let dims = case.dims.iter().map(|(_, n)| *n);
    let scalars = case.scalars.iter().map(|s| u64::from(s.to_bits()));
    let arguments: Vec<u64> = addresses.chain(dims).chain(scalars).collect();
    for call in calls(&arguments) {
        // SAFETY: the CPU runs the tier, and the interpreter, which checks every access, runs the
        // same case within the same buffers; what is called in parts stays in them.
        unsafe { kernel.call(&call) };
    }
    if let Err(mismatch) = memory.verify(case) {
        panic!("{case}\n{}: {mismatch}", kernel.name);
    }
}

/// The calls of all parts of a call, of as few blocks as there can be; `None` if that is one.
fn in_parts(case: &Case, parts: Parts, arguments: &[u64]) -> Option<Vec<Vec<u64>>> {
    let signature = case.spec.signature();
    let number = |name: &str| signature.dims.iter().position(|d| d.name == name);
    let dim = number(parts.dim).expect("a dimension of the op");
    let is_one = |name: &&str| case.dims[number(name).expect("a dimension")].1 == 1;
    let mut dims: Vec<u64> = case.dims.iter().map(|(_, n)| *n).collect();
    let count = dims[dim];
    if count <= parts.block || !parts.alone.iter().all(is_one) {
        return None;
    }
    let mut lens = |n: u64| -> Vec<u64> {
        dims[dim] = n;
        let lens = signature.buffers.iter().map(|b| b.len.eval(&dims));
        lens.map(|len| len.expect("lengths are small")).collect()
    };
    let (one, two) = (lens(parts.block), lens(2 * parts.block));
    let part = |block: u64| {
        let mut part = arguments.to_vec();
        for (i, address) in part[..one.len()].iter_mut().enumerate() {
            *address += 4 * block * (two[i] - one[i]);
        }
        part[one.len() + dim] = parts.block.min(count - block * parts.block);
        part
    };
    // The last first: no part waits for another.
    let blocks = 0..count.div_ceil(parts.block);
    Some(blocks.rev().map(part).collect())
}

/// A call is its parts, as threads share them.
#[test]
fn parts_leave_what_the_whole_does() {
    for &op in Op::ALL {
        let cases = if op::has_expr(op) {
            vec![]
        } else {
            cases::of(op)
        };
        for &parts in op::parts(op) {
            let mut seen = 0;
            for case in &cases {
                let Some(kernel) = find(case.spec.kind(), dispatch::detect()) else {
                    continue;
                };
                let arguments = vec![0; case.arguments.len() + case.dims.len()];
                if in_parts(case, parts, &arguments).is_some() {
                    let calls = |arguments: &[u64]| in_parts(case, parts, arguments);
                    agrees_in_calls(case, kernel, |arguments| {
                        calls(arguments).unwrap_or_default()
                    });
                    seen += 1;
                }
            }
            let what = format!("{op} in parts of {}", parts.dim);
            assert!(seen > 0 || cases.is_empty(), "no case of {what}");
            println!("{what}: {seen} cases");
        }
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
                let expected = schedule::is_ahead_of_time(case.spec.kind(), tier.baseline());
                assert_eq!(found > 0, expected, "kernels for {case} on {tier}");
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
