//! Plans of all families are proved, and none with something wrong in it.

use super::{PlanError, Proved};
use crate::Options;
use crate::checkpoint::Checkpoint;
use crate::families::{AtomeConfig, BitMamba2Config, HgrnBitConfig};
use crate::graph::Graph;
use crate::model::plan_with;
use crate::plan::{
    self, Call, DimValue, KernelCall, Operand, Placing, Plan, Products, Section, Stage, Tensor,
};
use atome_codegen::expr::{Expr, MAX_OPERANDS};
use atome_codegen::{KernelSpec, op};
use atome_spec::{Isa, Method, Op, Packing};

fn atome() -> Checkpoint {
    let config = AtomeConfig {
        vocab_size: 40,
        d_model: 72,
        n_layers: 2,
        d_head: 8,
        top_k: 3,
        kernel_size: 4,
        max_seq: 20,
    };
    Checkpoint::random(config, None, 1)
}

fn bitmamba2() -> Checkpoint {
    let config = BitMamba2Config {
        vocab_size: 50,
        d_model: 32,
        n_layers: 2,
        n_heads: 4,
    };
    Checkpoint::random(config, None, 1)
}

fn hgrn_bit() -> Checkpoint {
    let config = HgrnBitConfig {
        vocab_size: 50,
        hidden_size: 32,
        num_hidden_layers: 2,
        intermediate_size: 48,
        rms_norm_eps: 1e-6,
        use_lower_bound: true,
    };
    Checkpoint::random(config, None, 1)
}

/// The proof of a model's plan after `change`.
fn prove(model: &Checkpoint, change: impl FnOnce(&mut Plan)) -> Result<(), PlanError> {
    let planned = plan::plan(
        model.graph(),
        &model.tensors,
        24,
        Products::default(),
        Placing::default(),
    );
    let (mut plan, contents) = planned.expect("a plan");
    change(&mut plan);
    Proved::new((plan, contents), model.config().vocab_size()).map(drop)
}

/// The first call of an op in a plan's block.
fn first(plan: &mut Plan, op: Op) -> &mut KernelCall {
    let calls = plan.stages.iter_mut().flat_map(|stage| match stage {
        Stage::Block(call) => std::slice::from_mut(call),
        Stage::EachToken(calls) => calls,
    });
    let mut calls = calls.filter_map(|call| match call {
        Call::Kernel(call) => Some(call),
        Call::TopK(_) => None,
    });
    calls.find(|call| call.op == op).expect("a call of the op")
}

/// A tensor of the plan by name.
fn find(plan: &Plan, name: &str) -> usize {
    let found = plan.tensors.iter().position(|tensor| tensor.name == name);
    found.expect("a tensor of the name")
}

/// Changes a plan, and says what is then wrong with it.
type Case = (&'static str, fn(&mut Plan));

fn refused(model: &Checkpoint, cases: &[Case]) {
    assert_eq!(prove(model, |_| {}), Ok(()));
    for (expected, change) in cases {
        let error = prove(model, change).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "expected {expected:?}, found {error:?}"
        );
    }
}

#[test]
fn a_plan_on_a_page() {
    let models = [
        ("atome", atome()),
        ("bitmamba2", bitmamba2()),
        ("hgrn_bit", hgrn_bit()),
    ];
    for (name, model) in &models {
        assert_eq!(prove(model, |_| {}), Ok(()), "{name}");
        let planned = plan::plan(
            model.graph(),
            &model.tensors,
            8,
            Products::default(),
            Placing::default(),
        );
        insta::assert_snapshot!(*name, planned.expect("a plan").0);
    }
}

/// Two layers of a graph whose expressions follow each other, as they are and as they run.
#[test]
fn fused_layers_on_a_page() {
    let text = "
        graph fused {
          %x = embedding embed(8, 64)
          layers.0..2 {
            %gate = bit_linear gate(%x, 64) eps=1e-5
            %up = bit_linear up(%x, 64) eps=1e-5
            inner: map gate=%gate, up=%up, y=%y[64] { y = silu(gate) * up }
            param signs: f32[64]
            signs: map s=signs, y=%y { y = y * s }
            %out = bit_linear out(%y, 64) eps=1e-5
            residual sum(%out, %x)
            half: map x=%x { x = x * 0.5 }
          }
          head { %unembed = linear unembed(%x, 8) }
        }";
    let graph: Graph = text.parse().expect("a graph");
    let model = Checkpoint::random(graph, None, 1);
    let options = Options {
        block: 8,
        ..Options::default()
    };
    let of = |fuse| {
        let options = Options {
            fuse,
            ..options.clone()
        };
        let (_, planned) =
            plan_with(&model, &options, Isa::Avx2, Placing::default()).expect("a plan");
        let text = planned.0.to_string();
        assert!(Proved::new(planned, 8).is_ok());
        text
    };
    let (apart, fused) = (of(false), of(true));
    insta::assert_snapshot!(format!("{apart}\n{fused}"));
}

/// Matrices are sorted for look-ups alone, where bytes are looked up, and a kernel of another order is refused.
#[test]
fn matrices_are_sorted_where_bytes_are_looked_up() {
    let model = bitmamba2();
    let planned = |packing, no_multiply, isa| {
        let products = Products {
            packing,
            no_multiply,
            isa,
        };
        let planned = plan::plan(
            model.graph(),
            &model.tensors,
            24,
            products,
            Placing::default(),
        );
        planned.expect("a plan")
    };
    let is_product = |call: &KernelCall| matches!(call.op, Op::Gemv | Op::Gemm);
    for (packing, no_multiply, isa, expected) in [
        (None, true, Isa::Avx2, Packing::Sorted),
        (None, true, Isa::Sse41, Packing::Sorted),
        (Some(Packing::Int2), true, Isa::AvxVnni, Packing::Sorted),
        (Some(Packing::Sorted), true, Isa::Avx512, Packing::Int2),
        (None, true, Isa::Neon, Packing::Int2),
        (Some(Packing::Sorted), false, Isa::Avx2, Packing::Int2),
        (Some(Packing::Base3), true, Isa::Avx2, Packing::Base3),
    ] {
        let (mut plan, contents) = planned(packing, no_multiply, isa);
        let calls = plan.stages.iter().flat_map(Stage::calls);
        let products = calls.filter_map(|call| match call {
            Call::Kernel(call) if is_product(call) => Some(call),
            _ => None,
        });
        let found: Vec<(Option<Packing>, Option<Method>)> = products
            .map(|call| (call.packing, call.open_spec().product()))
            .collect();
        let method = match no_multiply {
            true => Method::Lut,
            false => Method::Dot,
        };
        let all = found
            .iter()
            .all(|call| *call == (Some(expected), Some(method)));
        assert!(all && !found.is_empty(), "{isa} {packing:?}: {found:?}");
        first(&mut plan, Op::Gemm).packing = match expected {
            Packing::Sorted => Some(Packing::Int2),
            _ => Some(Packing::Sorted),
        };
        let refused = Proved::new((plan, contents), model.config().vocab_size());
        assert!(refused.is_err(), "{isa} {packing:?}");
    }
}

#[test]
fn arguments_are_those_of_the_op() {
    refused(
        &atome(),
        &[
            ("expected 4 operands, found 3", |plan| {
                first(plan, Op::Norm).operands.truncate(3);
            }),
            ("expected 1 scalars, found 2", |plan| {
                first(plan, Op::Norm).scalars.push(1.0);
            }),
            ("expected 2 dimensions, found 1", |plan| {
                first(plan, Op::Norm).dims.truncate(1);
            }),
            ("`gemm`", |plan| {
                first(plan, Op::Gemm).packing = Some(Packing::Base3)
            }),
        ],
    );
}

#[test]
fn every_kernel_has_room_for_its_arguments() {
    let rows: Vec<String> = (0..MAX_OPERANDS).map(|i| format!("x{i}")).collect();
    let (declared, sum) = (rows.join(": row, "), rows.join(" + "));
    let longest = format!("({declared}: row) {{ x0 = {sum} }}")
        .parse::<Expr>()
        .unwrap();
    let kinds = op::kinds().into_iter().map(KernelSpec::from);
    for spec in kinds.chain([KernelSpec::map(longest)]) {
        let signature = spec.signature();
        let arguments = signature.buffers.len() + signature.dims.len() + signature.scalars.len();
        assert!(
            arguments <= KernelCall::MAX_ARGUMENTS,
            "{spec:?}: {arguments}"
        );
    }
}

#[test]
fn dimensions_are_in_range() {
    refused(
        &atome(),
        &[
            ("expected `taps` in 1..=4096", |plan| {
                first(plan, Op::Conv1d).dims[1] = DimValue::Const(0);
            }),
            ("expected `capacity` a multiple of 16", |plan| {
                first(plan, Op::AttnScores).dims[1] = DimValue::Const(33);
            }),
            ("expected `out_stride` at least `rows`", |plan| {
                first(plan, Op::Gemm).dims[3] = DimValue::Const(1);
            }),
            ("expected `slot` below `capacity`", |plan| plan.window = 33),
        ],
    );
}

#[test]
fn operands_lie_in_their_tensors() {
    refused(
        &atome(),
        &[
            ("`x` needs bytes up to", |plan| {
                first(plan, Op::Norm).operands[0].offset_bytes = 4;
            }),
            ("`w` needs bytes up to", |plan| {
                first(plan, Op::Gemm).dims[0] = DimValue::Const(17);
                first(plan, Op::Gemm).dims[3] = DimValue::Const(17);
            }),
            ("`q` needs bytes up to", |plan| {
                first(plan, Op::AttnScores).operands[0].row_bytes += 4;
            }),
            ("`gamma` starts at no element", |plan| {
                first(plan, Op::Norm).operands[1].offset_bytes = 2;
            }),
            ("`gamma` starts at no element", |plan| {
                first(plan, Op::Norm).operands[1].tensor = Tensor(10_000);
            }),
            ("a block needs", |plan| plan.block += 1),
            ("`chosen` needs bytes up to", |plan| {
                for stage in &mut plan.stages {
                    if let Stage::EachToken(calls) = stage {
                        for call in calls {
                            if let Call::TopK(call) = call {
                                call.k = 5;
                            }
                        }
                    }
                }
            }),
        ],
    );
}

#[test]
fn nothing_shared_is_written_and_nothing_read_is_overwritten() {
    refused(
        &atome(),
        &[
            ("`out` writes `blocks.0.norm.gamma`", |plan| {
                let call = first(plan, Op::Norm);
                call.operands[3] = call.operands[1];
                call.dims[1] = DimValue::Const(1);
            }),
            ("`out` and `x` share bytes", |plan| {
                let call = first(plan, Op::Norm);
                call.operands[3] = call.operands[0];
            }),
            ("which holds nothing", |plan| plan.stages.swap(0, 1)),
            ("which holds nothing", |plan| {
                // The convolution's result takes the place of what the other paths read.
                let (from, to) = (find(plan, "local"), find(plan, "norm"));
                plan.tensors[from].offset = plan.tensors[to].offset;
                let x = Tensor(find(plan, "x"));
                first(plan, Op::Conv1d).operands[1].tensor = x;
            }),
            ("`session` reads", |plan| drop(plan.head.pop())),
            ("shares bytes with", |plan| {
                let (a, b) = (find(plan, "blocks.0.ssm.h"), find(plan, "blocks.1.ssm.h"));
                plan.tensors[a].offset = plan.tensors[b].offset;
            }),
            ("expected a multiple of 256 in state", |plan| {
                let last = plan.tensors.iter_mut();
                let last = last.filter(|t| t.section == Section::State).last();
                last.expect("a state").offset = plan.sizes.slot;
            }),
        ],
    );
}

#[test]
fn what_is_read_is_what_was_written() {
    refused(
        &bitmamba2(),
        &[
            ("`x` reads I8", |plan| {
                let x = Tensor(find(plan, "x"));
                first(plan, Op::Gemm).operands[1].tensor = x;
            }),
            ("`x_sum` reads I32", |plan| {
                let call = first(plan, Op::Gemm);
                call.operands[3] = call.operands[2];
            }),
            ("`w` reads Matrix(Base3)", |plan| {
                first(plan, Op::Gemm).packing = Some(Packing::Base3);
            }),
            ("`ids` reads numbers below 49", |plan| {
                first(plan, Op::LookupF32).dims[0] = DimValue::Const(49);
            }),
            ("which holds F32 in bytes", |plan| {
                // Fewer rows than the next call reads.
                first(plan, Op::LookupF32).dims[2] = DimValue::Const(1);
            }),
        ],
    );
}

#[test]
fn an_operand_past_all_numbers_is_outside() {
    let far = |plan: &mut Plan| {
        let operand: &mut Operand = &mut first(plan, Op::Scan).operands[0];
        operand.offset_bytes = usize::MAX - 3;
    };
    let error = prove(&atome(), far).expect_err("outside").to_string();
    assert!(error.contains("`decay` needs bytes up to"), "{error}");
}
