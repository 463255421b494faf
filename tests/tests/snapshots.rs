//! Generated code at each stage, for people to read: the IR, the Rust and the CLIF of kernels
//! over ops, shapes and targets. Other tests run the same kernels and compare their bits.

use atome_codegen::emit::{clif, rust};
use atome_codegen::ir::{Function, parse};
use atome_codegen::{KernelSpec, compile};
use atome_spec::{Op, Packing, Target, Tier};

/// One kernel of which every stage is kept.
struct Case {
    op: Op,
    packing: Option<Packing>,
    shape: &'static [(&'static str, u64)],
    target: Target,
}

const INT2: Option<Packing> = Some(Packing::Int2);
const BASE3: Option<Packing> = Some(Packing::Base3);

const CASES: &[Case] = &[
    case(
        Op::Embed,
        INT2,
        &[("d_model", 256), ("tokens", 1)],
        Target::X86_64V4,
    ),
    case(Op::Embed, INT2, &[("d_model", 40)], Target::CortexA76),
    case(
        Op::Embed,
        BASE3,
        &[("d_model", 320), ("tokens", 1)],
        Target::X86_64V3,
    ),
    case(
        Op::Gemv,
        INT2,
        &[("rows", 64), ("cols", 32)],
        Target::X86_64V4,
    ),
    case(
        Op::Gemv,
        INT2,
        &[("rows", 16), ("cols", 16)],
        Target::X86_64V2,
    ),
    case(
        Op::Gemv,
        INT2,
        &[("rows", 20), ("cols", 19)],
        Target::CortexA76,
    ),
    case(Op::Gemv, INT2, &[], Target::Interp),
    case(
        Op::Gemm,
        INT2,
        &[("rows", 16), ("cols", 16), ("tokens", 4)],
        Target::X86_64V3,
    ),
    case(
        Op::Conv1d,
        INT2,
        &[("channels", 32), ("taps", 5), ("tokens", 1)],
        Target::X86_64V4,
    ),
    case(
        Op::Conv1d,
        INT2,
        &[("channels", 20), ("taps", 3)],
        Target::CortexA76,
    ),
    case(
        Op::Scan,
        None,
        &[("channels", 32), ("tokens", 1)],
        Target::X86_64V4,
    ),
    case(Op::Scan, None, &[("channels", 18)], Target::CortexA76),
    case(
        Op::Norm,
        None,
        &[("width", 64), ("rows", 1)],
        Target::X86_64V3,
    ),
    case(
        Op::Softmax,
        None,
        &[("width", 3), ("rows", 1)],
        Target::X86_64V2,
    ),
    case(
        Op::AttnScores,
        None,
        &[("d_head", 16), ("capacity", 64)],
        Target::X86_64V4,
    ),
    case(
        Op::AttnMix,
        None,
        &[("d_model", 32), ("capacity", 64)],
        Target::Aarch64,
    ),
    case(Op::Argmax, None, &[("n", 20)], Target::Interp),
    case(Op::Tanh, None, &[("n", 16)], Target::X86_64V3),
];

const fn case(
    op: Op,
    packing: Option<Packing>,
    shape: &'static [(&'static str, u64)],
    target: Target,
) -> Case {
    Case {
        op,
        packing,
        shape,
        target,
    }
}

impl Case {
    fn spec(&self) -> KernelSpec {
        let mut spec = KernelSpec::new(self.op);
        spec.packing = self.packing;
        self.shape
            .iter()
            .fold(spec, |spec, (dim, n)| spec.bind(dim, *n))
    }

    fn tier(&self) -> Tier {
        self.target
            .tier()
            .expect("no case is for the machine at hand")
    }

    fn function(&self, tier: Tier) -> Function {
        match compile(&self.spec(), tier) {
            Ok(function) => function,
            Err(error) => panic!("{}: {error}", self.name()),
        }
    }

    fn name(&self) -> String {
        format!("{}__{}", self.spec().symbol(), self.target)
    }

    fn keep(&self, stage: &str, text: &str) {
        let shape: Vec<String> = self.shape.iter().map(|(d, n)| format!("{d}={n}")).collect();
        let about = format!(
            "{} {} for {}",
            self.spec().name(),
            shape.join(","),
            self.target
        );
        let mut settings = insta::Settings::clone_current();
        settings.set_description(about);
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        let name = format!("{stage}@{}", self.name());
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

#[test]
fn intermediate_representation() {
    for case in CASES {
        let function = case.function(case.tier());
        let text = function.to_string();
        assert_eq!(parse(&text).as_ref(), Ok(&function), "{}", case.name());
        case.keep("ir", &text);
    }
}

#[test]
fn rust_source() {
    for case in CASES {
        let tier = case.tier();
        match rust::emit_file(&case.function(tier), tier) {
            Ok(source) => case.keep("rust", &source),
            Err(error) => panic!("{}: {error}", case.name()),
        }
    }
}

#[test]
fn cranelift_ir() {
    for case in CASES.iter().filter(|case| case.target != Target::Interp) {
        // Code in 128-bit vectors is laid out for a tier of that width.
        let tier = match case.tier() {
            Tier::Neon => Tier::Neon,
            _ => Tier::X86_64V2,
        };
        let isa = clif::isa(case.target).expect("an instruction set Cranelift has");
        match clif::emit(&case.function(tier), &*isa) {
            Ok(function) => case.keep("clif", &clif::text(&function)),
            Err(error) => panic!("{}: {error}", case.name()),
        }
    }
}
