//! Random functions, emitted as Rust for every instruction set when these tests were built, against the
//! interpreter: the same bytes in memory, guards between the buffers included. And the square
//! root, which they form in different ways.

use atome_codegen::emit::rust::target_arch;
use atome_codegen::testing::{Inputs, random_function, random_inputs};
use atome_kernels::dispatch;
use atome_spec::Isa;

/// Inputs that each function is run on.
const INPUTS: u64 = 25;

/// An emitted function, by its arguments as words.
type Call = unsafe fn(&[u64]);
/// The seed of a function and the function.
type Entry = (u64, Call);

mod emitted {
    #![allow(
        missing_docs,
        unreachable_pub,
        unused,
        unused_comparisons,
        clippy::all,
        clippy::undocumented_unsafe_blocks,
        reason = "generated when the tests are built"
    )]
    use super::{Call, Entry};

    include!(concat!(env!("OUT_DIR"), "/random_rust.rs"));
}

/// Memory after `call`, which starts at an address that is a multiple of 4.
///
/// # Safety
/// `call` is a function of `inputs`' parameters that this CPU runs.
unsafe fn run(call: Call, inputs: &Inputs) -> Vec<u8> {
    let (words, rest) = inputs.memory.as_chunks();
    assert!(rest.is_empty(), "memory is a whole number of words");
    let mut memory: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
    let start = memory.as_mut_ptr().expose_provenance();
    let buffers = inputs.buffers.iter().map(|b| (start + b.start) as u64);
    let scalars = inputs.scalars.iter().map(|s| u64::from(s.to_bits()));
    let arguments: Vec<u64> = buffers
        .chain(inputs.dims.iter().copied())
        .chain(scalars)
        .collect();
    // SAFETY: the arguments are the function's, and the interpreter, which checks every
    // access, has run it on them.
    unsafe { call(&arguments) };
    memory.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn agree(isa: Isa) {
    if !dispatch::has(isa) {
        println!("skipped: this CPU does not run {isa}");
        return;
    }
    assert!(!functions(isa).is_empty());
    agree_all(isa.name(), functions(isa));
}

fn agree_all(name: &str, functions: &[Entry]) {
    for &(seed, call) in functions {
        let function = random_function(seed);
        for input in 0..INPUTS {
            let inputs = random_inputs(&function, input);
            let expected = inputs
                .interpret(&function)
                .unwrap_or_else(|trap| panic!("function {seed}, inputs {input}: {trap}"));
            // SAFETY: the CPU has the instructions.
            let found = unsafe { run(call, &inputs) };
            let differs = expected.iter().zip(&found).position(|(a, b)| a != b);
            assert_eq!(
                differs, None,
                "{name}: function {seed}, inputs {input}: first byte that differs"
            );
        }
    }
}

/// Square roots of floats all over the range, subnormals included, by vectors and by scalars.
fn roots_agree(isa: Isa) {
    /// A prime, so that every exponent meets many fractions.
    const STRIDE: usize = 40_009;
    let Some(call) = square_root(isa).filter(|_| dispatch::has(isa)) else {
        println!("skipped: this CPU does not run {isa}");
        return;
    };
    let edges = [
        0,
        1,
        0x007f_ffff,
        0x0080_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x8000_0000,
    ];
    let bits = (0..u32::MAX).step_by(STRIDE).chain(edges);
    let x: Vec<f32> = bits.map(f32::from_bits).collect();
    let mut roots = [vec![-1.0f32; x.len()], vec![-1.0f32; x.len()]];
    let [vectors, scalars] = roots
        .each_mut()
        .map(|r| r.as_mut_ptr().expose_provenance() as u64);
    let arguments = [
        x.as_ptr().expose_provenance() as u64,
        vectors,
        scalars,
        x.len() as u64,
    ];
    // SAFETY: the CPU has the instructions, and the three arrays are as long as the last argument.
    unsafe { call(&arguments) };
    for roots in &roots {
        for (x, root) in x.iter().zip(roots) {
            let expected = x.sqrt();
            let same = root.to_bits() == expected.to_bits() || (root.is_nan() && expected.is_nan());
            assert!(
                same,
                "{isa}: the root of {x:e} is {root:e}, expected {expected:e}"
            );
        }
    }
}

/// One module an instruction set, with its tests.
macro_rules! isas {
    ($($(#[$arch:meta])? $module:ident: $isa:ident),+ $(,)?) => {
        fn functions(isa: Isa) -> &'static [Entry] {
            match isa {
                $($(#[$arch])? Isa::$isa => emitted::$module::FUNCTIONS,)+
                _ => &[],
            }
        }

        fn square_root(isa: Isa) -> Option<Call> {
            match isa {
                $($(#[$arch])? Isa::$isa => Some(emitted::$module::SQUARE_ROOT),)+
                _ => None,
            }
        }

        $(
            $(#[$arch])?
            mod $module {
                use atome_spec::Isa;

                #[test]
                fn random_functions() {
                    super::agree(Isa::$isa);
                }

                #[test]
                fn square_roots() {
                    super::roots_agree(Isa::$isa);
                }
            }
        )+
    };
}

#[test]
fn random_functions_lane_by_lane() {
    agree_all("portable, lane by lane", emitted::by_lanes::FUNCTIONS);
}

#[test]
fn no_instruction_set_is_left_out() {
    for &isa in Isa::ALL {
        let arch = target_arch(isa.tier());
        if arch.is_none_or(|arch| arch == std::env::consts::ARCH) {
            assert!(!functions(isa).is_empty(), "{isa}");
        }
    }
}

include!(concat!(env!("OUT_DIR"), "/random_rust_isas.rs"));
