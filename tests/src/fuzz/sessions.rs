//! Options of any numbers, then a script of calls; every session must give what its history gives alone.

use super::answers::bits;
use super::one_line;
use super::state::MODELS;
use atome::{BackendKind, Model, Options, Packing, RunError, Session};
use std::sync::LazyLock;

/// Calls of a script.
const MAX_CALLS: usize = 48;
/// Sessions that are open at once.
const MAX_OPEN: usize = 5;
/// Threads that are started, unless so many are asked for that none are.
const FEW_THREADS: usize = 3;
/// Sessions an arena has room for, unless so many are asked for that no memory has.
const MANY_SESSIONS: u64 = 1 << 16;

/// Each model, alone in its arena, a token at a time.
static ALONE: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let options = Options {
        backend: BackendKind::Aot,
        block: 1,
        threads: Some(1),
        ..Options::default()
    };
    let load = |checkpoint| Model::from_checkpoint(checkpoint, &options);
    let models = MODELS.iter().map(load);
    models.map(|model| model.expect("of our own")).collect()
});

/// `block`, `sessions` and `threads` as eight bytes each, the model, the backend, flags, and the script.
pub(super) fn sessions(data: &[u8]) -> bool {
    let Some((head, script)) = data.split_first_chunk::<27>() else {
        return false;
    };
    let (numbers, bytes) = head.as_chunks::<8>();
    let numbers = [0, 1, 2].map(|i| u64::from_le_bytes(numbers[i]));
    let (number, options) = options(numbers, [bytes[0], bytes[1], bytes[2]]);
    match Model::from_checkpoint(&MODELS[number], &options) {
        Ok(model) => {
            assert!(options.sessions > 0 || model.session().is_err());
            let mut play = Play {
                alone: &ALONE[number],
                model,
                sessions: options.sessions,
                open: Vec::new(),
            };
            play.script(script);
            true
        }
        Err(error) => one_line(&error).is_empty(),
    }
}

/// The number of a model and its options; what would only take time or memory is made less.
fn options([block, sessions, threads]: [u64; 3], bytes: [u8; 3]) -> (usize, Options) {
    let [model, backend, flags] = bytes.map(usize::from);
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let threads = match size(threads) {
        n if n > Options::MAX_THREADS => n,
        n => n % (FEW_THREADS + 1),
    };
    let sessions = match sessions {
        n if n > 1 << 56 => n,
        n => n % MANY_SESSIONS,
    };
    let options = Options {
        backend: match backend % 8 {
            0 => BackendKind::Jit,
            1..=3 => BackendKind::Interp,
            _ => BackendKind::Aot,
        },
        block: size(block),
        sessions: size(sessions),
        threads: (flags & 1 == 0).then_some(threads),
        no_multiply: flags & 2 != 0,
        packing: [None, Some(Packing::Int2), Some(Packing::Base3), None][(flags >> 2) & 3],
        ..Options::default()
    };
    (model % MODELS.len(), options)
}

/// Sessions with the tokens that each has seen.
struct Play<'m> {
    alone: &'m Model,
    model: Model,
    sessions: usize,
    open: Vec<(Session, Vec<u32>)>,
}

impl Play<'_> {
    fn script(&mut self, script: &[u8]) {
        let mut calls = script.iter().copied();
        for _ in 0..MAX_CALLS {
            let Some(call) = calls.next() else { break };
            self.call(call, &mut calls);
        }
        for (session, history) in &self.open {
            self.check(session, history);
        }
    }

    /// One call: what it does by its low bits, with which session by its high ones.
    fn call(&mut self, call: u8, more: &mut impl Iterator<Item = u8>) {
        if self.open.is_empty() || call.is_multiple_of(8) {
            return self.add(self.model.session(), Vec::new());
        }
        let place = usize::from(call >> 3) % self.open.len();
        let (session, history) = &mut self.open[place];
        match call % 8 {
            1 => drop(self.open.swap_remove(place)),
            2 | 3 => {
                let count = if call % 8 == 2 {
                    1
                } else {
                    1 + usize::from(call >> 3)
                };
                let tokens: Vec<u32> = more.take(count).map(u32::from).collect();
                let result = match call >= 128 {
                    true => session.prefill_with(&tokens, |_, _| {}),
                    false => session.prefill(&tokens),
                };
                self.taken(place, &tokens, result);
            }
            4 => {
                let (fork, history) = (session.fork(), history.clone());
                self.add(fork, history);
            }
            5 => {
                let mut state = vec![0; session.state_bytes()];
                session.save_into(&mut state).expect("the right length");
                let history = history.clone();
                let to = usize::from(more.next().unwrap_or(0)) % self.open.len();
                self.open[to].0.restore(&state).expect("saved here");
                self.open[to].1 = history;
            }
            6 => {
                session.reset();
                history.clear();
            }
            _ => self.batch(more),
        }
    }

    /// A session that was opened, unless there was no slot for it.
    fn add(&mut self, session: Result<Session, RunError>, history: Vec<u32>) {
        match session {
            Ok(session) => {
                assert!(self.open.len() < self.sessions, "more sessions than slots");
                self.open.push((session, history));
                if self.open.len() > MAX_OPEN {
                    let (session, history) = self.open.swap_remove(0);
                    self.check(&session, &history);
                }
            }
            Err(error) => {
                one_line(&error);
                assert_eq!(self.open.len(), self.sessions, "a free slot");
            }
        }
    }

    /// A token for every session.
    fn batch(&mut self, more: &mut impl Iterator<Item = u8>) {
        let tokens: Vec<u32> = more.take(self.open.len()).map(u32::from).collect();
        let mut sessions: Vec<&mut Session> = self.open.iter_mut().map(|(s, _)| s).collect();
        match self.model.step_batch(&mut sessions, &tokens) {
            Ok(()) => {
                for ((_, history), token) in self.open.iter_mut().zip(tokens) {
                    history.push(token);
                }
            }
            Err(error) => drop(one_line(&error)),
        }
    }

    /// Notes what a session has seen, if it took it.
    fn taken(&mut self, place: usize, tokens: &[u32], result: Result<(), RunError>) {
        let vocab = self.model.vocab();
        let valid = !tokens.is_empty() && tokens.iter().all(|&id| (id as usize) < vocab);
        assert_eq!(result.is_ok(), valid, "{result:?}");
        match result {
            Ok(()) => self.open[place].1.extend(tokens),
            Err(error) => drop(one_line(&error)),
        }
    }

    /// Checks a session against one that has seen its history alone.
    fn check(&self, session: &Session, history: &[u32]) {
        let shown = |session: &Session| -> (Vec<u32>, Vec<u32>, u64) {
            let logits = session.logits().iter().copied().map(bits).collect();
            let output = session.output().iter().copied().map(bits).collect();
            (logits, output, session.position())
        };
        let mut alone = self.alone.session().expect("a slot");
        if !history.is_empty() {
            alone.prefill(history).expect("tokens that were taken");
            assert_eq!(session.argmax(), alone.argmax());
        }
        assert_eq!(shown(session), shown(&alone), "after {history:?}");
    }
}
