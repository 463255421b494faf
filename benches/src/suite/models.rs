//! Whole models.

use super::{Bench, up_to_two};
use crate::models::{self, OPENED, SESSIONS, What, prompt};
use crate::settings::Settings;
use crate::source::Source;
use atome::{BackendKind, Options};
use atome_kernels::{Kind, Packing};
use atome_spec::{Activation, Isa, Method, Op};
use std::rc::Rc;

/// How products of int8 activations are formed, and the instructions for it on this machine.
fn int8(settings: &Settings) -> (Method, Isa) {
    let tier = settings.tier;
    if settings.no_multiply {
        return (Method::Lut, tier.baseline());
    }
    let product = Kind::new(Op::Gemv).packing(Packing::Int2);
    let found = atome_kernels::find(product.activation(Activation::I8), tier);
    (
        Method::Dot,
        found.map_or(tier.baseline(), |kernel| kernel.isa),
    )
}

/// Adds what of a model is timed.
pub(super) fn add_model(benches: &mut Vec<Bench>, settings: &Settings, source: &Rc<Source>) {
    let backends = match settings.backend {
        BackendKind::Auto if BackendKind::Jit.check().is_err() => &[BackendKind::Aot][..],
        BackendKind::Auto => &[BackendKind::Jit, BackendKind::Aot],
        _ => std::slice::from_ref(&settings.backend),
    };
    let Source { shape, config, .. } = &**source;
    let (method, isa) = match config.activation() {
        Activation::F32 => (Method::Select, settings.tier.baseline()),
        Activation::I8 => int8(settings),
    };
    let whats = match (source.classes, config.activation()) {
        (Some(_), _) => vec![What::Classify, What::Load],
        (None, activation) => {
            let [few, many] = SESSIONS.map(What::Sessions);
            let open = (activation == Activation::I8).then_some(What::Open(OPENED));
            let first = [What::Step, What::Prefill, few, many].into_iter();
            first.chain(open).chain([What::Load]).collect()
        }
    };
    let family = match config.as_graph() {
        Some(graph) => graph.name(),
        None => config.architecture().name(),
    };
    for what in whats {
        let name = match what {
            What::Step => format!("step-{family}-{isa}/{shape}"),
            What::Prefill => format!("prefill-{family}-{isa}/{shape}/T={}", prompt(config)),
            What::Sessions(count) => format!("sessions-{family}-{isa}/{shape}/B={count}"),
            What::Open(count) => format!("open-{family}-{isa}/{shape}/S={count}"),
            What::Classify => format!("classify-{family}-{isa}/{shape}"),
            What::Load => format!("load-{family}-{isa}/{shape}"),
        };
        // Weights from memory are read by two threads faster than by one.
        let threads = match (settings.threads, what, config.activation()) {
            (Some(threads), ..) => vec![threads],
            (None, What::Step, Activation::I8) => up_to_two(),
            _ => vec![1],
        };
        for (&threads, &backend) in threads
            .iter()
            .flat_map(|n| backends.iter().map(move |b| (n, b)))
        {
            let options = Options {
                backend,
                tier: Some(settings.tier),
                threads: Some(threads),
                no_multiply: settings.no_multiply,
                tuning: settings.tuning.clone(),
                ..Options::default()
            };
            let source = Rc::clone(source);
            let bench = Bench::new(name.clone(), backend, move |name| {
                models::run(name, &source.model, what, (method, isa), &options)
            });
            benches.push(bench.by(threads));
        }
    }
}
