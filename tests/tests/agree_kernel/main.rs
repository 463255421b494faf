//! Kernels made while the program runs, called with slices: by every backend and on every tier this CPU runs, against
//! the scalar reference, bit for bit. What a row-wise expression says is run here by ahead-of-time kernels, a tile after
//! the other.

mod refused;

use atome::BackendKind;
use atome::kernel::{Buffer, Content, Kernel};
use atome_codegen::ir::Access;
use atome_codegen::schedule;
use atome_kernels::dispatch;
use atome_spec::{Op, each_op};
use atome_tests::cases::{self, Argument, Binding, Case};
use std::collections::BTreeMap;

/// An argument as a slice of its type.
enum Slice {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
    Words(Vec<u32>),
}

impl Slice {
    fn new(argument: &Argument, content: Content) -> Slice {
        let words = argument.before.iter().copied();
        match content {
            Content::F32 => Slice::Floats(words.map(f32::from_bits).collect()),
            Content::I32 | Content::Rows(_) => {
                Slice::Integers(words.map(u32::cast_signed).collect())
            }
            _ => Slice::Words(words.collect()),
        }
    }

    fn buffer(&mut self, access: Access) -> Buffer<'_> {
        match (self, access) {
            (Slice::Floats(x), Access::In) => (&*x).into(),
            (Slice::Floats(x), _) => x.into(),
            (Slice::Integers(x), Access::In) => (&*x).into(),
            (Slice::Integers(x), _) => x.into(),
            (Slice::Words(x), Access::In) => (&*x).into(),
            (Slice::Words(x), _) => x.into(),
        }
    }

    fn bits(&self) -> Vec<u32> {
        match self {
            Slice::Floats(x) => x.iter().map(|x| x.to_bits()).collect(),
            Slice::Integers(x) => x.iter().map(|x| x.cast_unsigned()).collect(),
            Slice::Words(x) => x.clone(),
        }
    }
}

fn agrees(case: &Case, kernel: &Kernel, what: &str) {
    let signature = kernel.signature();
    let given = |name: &str| case.dims.iter().find(|(n, _)| *n == name);
    let open = signature.dims.iter().filter_map(|dim| given(&dim.name));
    let dims: Vec<(&str, usize)> = open.map(|(name, n)| (*name, *n as usize)).collect();
    let pairs = case.arguments.iter().zip(&signature.buffers);
    let slices = pairs.map(|(argument, buffer)| Slice::new(argument, buffer.content));
    let mut slices: Vec<Slice> = slices.collect();
    let pairs = slices.iter_mut().zip(&signature.buffers);
    let buffers = pairs.map(|(slice, buffer)| slice.buffer(buffer.access));
    let mut buffers: Vec<Buffer<'_>> = buffers.collect();
    if let Err(error) = kernel.call(&dims, &mut buffers, &case.scalars) {
        panic!("{case}\n{what}: {error}");
    }
    for (argument, slice) in case.arguments.iter().zip(&slices) {
        for (i, (found, expected)) in slice.bits().iter().zip(&argument.after).enumerate() {
            let nan = |bits: u32| f32::from_bits(bits).is_nan();
            let same = found == expected || !case.exact_nan && nan(*found) && nan(*expected);
            assert!(
                same || argument.unspecified.contains(&i),
                "{case}\n{what}: {}[{i}] is {found:#x}, expected {expected:#x}",
                argument.name
            );
        }
    }
}

fn op_agrees(op: Op) {
    all_agree(&cases::of(op));
}

#[test]
fn sorted_matrices() {
    all_agree(&cases::sorted());
}

fn all_agree(cases: &[Case]) {
    for &tier in dispatch::tiers() {
        for backend in [BackendKind::Interp, BackendKind::Aot, BackendKind::Jit] {
            let binding = match backend {
                BackendKind::Aot => Binding::Open,
                _ => Binding::Model,
            };
            let mut kernels = BTreeMap::new();
            // Some have dimensions that only who does not check may pass.
            let is_valid = |case: &Case| case.bound(Binding::All).check().is_ok();
            for case in cases.iter().filter(|case| is_valid(case)) {
                let spec = case.bound(binding);
                let kernel = kernels.entry(spec.clone()).or_insert_with(|| {
                    let ahead = schedule::is_ahead_of_time(spec.kind(), tier.baseline());
                    match Kernel::by(&spec, backend, tier) {
                        Ok(kernel) => Some(kernel),
                        // Another one beats it, so nothing is compiled ahead of time.
                        Err(_) if !ahead && backend == BackendKind::Aot => None,
                        Err(error) => panic!("{case}\n{backend} on {tier}: {error}"),
                    }
                });
                if let Some(kernel) = kernel {
                    agrees(case, kernel, &format!("{backend} on {tier}"));
                }
            }
        }
    }
}

/// One test an op, so that they run in parallel and fail by name.
macro_rules! tests {
    ($($name:ident: $op:ident,)+) => {
        $(#[test] fn $name() { op_agrees(Op::$op); })+
    };
}

each_op!(tests);
