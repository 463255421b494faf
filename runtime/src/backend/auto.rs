//! Kernels compiled ahead of time at once, and machine code as soon as another thread has made it.

use super::aot::Aot;
use super::jit::Jit;
use super::pick::Pick;
use crate::PrepareError;
use crate::clock::Moment;
use crate::plan::Proved;
use crate::pool::Pool;
use crate::tune::Tuned;
use atome_spec::Tier;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// The plan by both backends; a block of tokens is run by one of them.
pub(crate) struct Auto {
    pub(super) aot: Aot,
    compiling: Arc<Compiling>,
}

/// Machine code that is being made.
struct Compiling {
    made: OnceLock<(Code, Duration)>,
    /// The process whose thread makes it.
    process: u32,
}

/// The code, or why there is none, in a line.
type Code = Result<Box<Jit>, String>;

impl Auto {
    /// Prepares both, the machine code on a thread of its own. Nobody waits for that thread: it owns all it needs.
    pub(super) fn new(
        plan: &Arc<Proved>,
        (tier, tuned): (Tier, Option<Arc<Tuned>>),
        pool: Option<Arc<Pool>>,
    ) -> Result<Auto, PrepareError> {
        Auto::after(plan, (tier, tuned), pool, || ())
    }

    /// Like [`Auto::new`]; machine code is made once `wait` returns.
    fn after(
        plan: &Arc<Proved>,
        (tier, tuned): (Tier, Option<Arc<Tuned>>),
        pool: Option<Arc<Pool>>,
        wait: impl FnOnce() + Send + 'static,
    ) -> Result<Auto, PrepareError> {
        let pick = Pick {
            tier,
            tuned: tuned.as_deref(),
        };
        let aot = Aot::new(plan, pick, pool.clone())?;
        let compiling = Arc::new(Compiling {
            made: OnceLock::new(),
            process: crate::process::id(),
        });
        let (to, plan) = (Arc::clone(&compiling), Arc::clone(plan));
        let compile = move || {
            wait();
            let start = Moment::now();
            let tuned = tuned.as_deref();
            let jit = Jit::new(&plan, Pick { tier, tuned }, pool);
            let code = jit.map(Box::new).map_err(|why| why.in_one_line());
            let time = start.elapsed();
            // Nobody else sets it.
            let _ = to.made.set((code, time));
        };
        // Asked for before there is a thread, whose heap would take the room that others need.
        let refused = match crate::jit::check() {
            Ok(()) => {
                let thread = thread::Builder::new().name("atome-jit".to_owned());
                let spawned = thread.spawn(compile);
                spawned
                    .err()
                    .map(|cause| format!("no thread to make it: {cause}"))
            }
            Err(why) => Some(PrepareError::from(why).in_one_line()),
        };
        if let Some(why) = refused {
            let _ = compiling.made.set((Err(why), Duration::ZERO));
        }
        Ok(Auto { aot, compiling })
    }

    /// What has become of the machine code, and how long that took; `None` while it is being made.
    pub(super) fn made(&self) -> Option<&(Code, Duration)> {
        self.compiling.made.get()
    }

    /// Waits until that is known. It never is in a child of a `fork` that came before.
    pub(super) fn settle(&self) {
        if self.compiling.process == crate::process::id() {
            self.compiling.made.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Backend;
    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::families::{AtomeConfig, BitMamba2Config};
    use crate::{BackendKind, Model, Options};
    use atome_kernels::detect;
    use std::sync::mpsc;

    fn models() -> [Checkpoint; 2] {
        let atome = AtomeConfig {
            vocab_size: 61,
            d_model: 40,
            n_layers: 2,
            d_head: 8,
            top_k: 3,
            kernel_size: 4,
            max_seq: 6,
        };
        let bitmamba2 = BitMamba2Config {
            vocab_size: 70,
            d_model: 32,
            n_layers: 2,
            n_heads: 2,
        };
        [
            Checkpoint::random(atome, None, 5),
            Checkpoint::random(bitmamba2, None, 6),
        ]
    }

    /// A model whose machine code is made once something is sent.
    fn held(source: &Checkpoint) -> (Model, mpsc::Sender<()>) {
        let options = Options {
            backend: BackendKind::Aot,
            threads: Some(1),
            sessions: 4,
            block: 4,
            ..Options::default()
        };
        let mut model = Model::from_checkpoint(source, &options).expect("loads");
        let inner = Arc::get_mut(&mut model.inner).expect("nobody else has it");
        let (go, wait) = mpsc::channel();
        let wait = move || {
            let _ = wait.recv();
        };
        let auto = Auto::after(&inner.plan, (detect(), None), None, wait);
        inner.backend = Backend::Auto(auto.expect("prepared"));
        (model, go)
    }

    /// The bits of the logits of a text, taken in by all ways of running; the backend changes over after `change` tokens.
    fn run(source: &Checkpoint, tokens: &[u32], change: usize) -> Vec<u32> {
        let (model, go) = held(source);
        assert!(model.backend().compiling && model.inner.backend.made().compiling);
        let mut sessions = [(); 3].map(|()| model.session().expect("a slot"));
        let mut found = Vec::new();
        for (i, token) in tokens.iter().enumerate() {
            if i == change {
                go.send(()).expect("it waits");
                model.settle();
                assert_eq!(model.backend().backend, "jit");
            }
            let [one, two, three] = &mut sessions;
            one.step(*token).expect("a token");
            let several: &mut [_] = &mut [two, three];
            model.step_batch(several, &[*token; 2]).expect("tokens");
            found.extend(
                sessions
                    .iter()
                    .flat_map(|s| s.logits())
                    .map(|x| x.to_bits()),
            );
        }
        let mut prompt = model.session().expect("a slot");
        prompt.prefill(tokens).expect("tokens");
        assert_eq!(prompt.logits(), sessions[0].logits());
        found
    }

    #[test]
    fn the_bits_do_not_tell_when_the_backend_changes_over() {
        if crate::jit::check().is_err() {
            return;
        }
        let tokens: Vec<u32> = (0..11).map(|i| (i * 7) % 60).collect();
        for source in &models() {
            let expected = run(source, &tokens, tokens.len());
            for change in 0..tokens.len() {
                let found = run(source, &tokens, change);
                assert!(found == expected, "after {change} tokens");
            }
        }
    }

    #[test]
    fn a_model_that_is_dropped_waits_for_no_compiler() {
        let (model, go) = held(&models()[0]);
        drop(model);
        // The thread still waits; it ends by itself.
        assert!(go.send(()).is_ok());
    }
}
