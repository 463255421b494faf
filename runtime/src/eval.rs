//! How well a model predicts a text: bits and perplexity over a sliding window.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Model, RunError, Session};

/// How a text is cut into windows.
///
/// Window `k` covers the tokens from `k * stride` on, `window` of them or as many as are left, and is run from a fresh
/// state. The first window scores all its tokens but the first, which nothing precedes; every other one scores only the
/// tokens that no window before it has scored, its last `stride`. So every token but the very first is scored once,
/// after at least `window - stride` others (or all there are).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    window: usize,
    stride: usize,
}

/// What a text costs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Windows that were run.
    pub windows: usize,
    /// Tokens that were scored: all but the first.
    pub scored: usize,
    /// Sum of `-ln p(token)` over them.
    pub nats: f64,
}

impl Evaluation {
    /// Bits of information the scored tokens hold for the model.
    #[must_use]
    pub fn bits(&self) -> f64 {
        self.nats / std::f64::consts::LN_2
    }

    /// `exp` of the mean of `-ln p(token)`.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        (self.nats / self.scored as f64).exp()
    }
}

impl Windows {
    /// Windows of `window` tokens, each `stride` tokens after the one before it.
    ///
    /// # Errors
    /// If the window is below 2, or the stride is not 1 to `window - 1`: a token is scored after another.
    pub fn new(window: usize, stride: usize) -> Result<Windows, RunError> {
        if window < 2 || stride == 0 || stride >= window {
            return Err(RunError::Windows { window, stride });
        }
        Ok(Windows { window, stride })
    }

    /// Windows of as many tokens as `max_seq` and a stride of half of that: what suits a model whose attention reaches
    /// back `max_seq` positions.
    #[must_use]
    pub fn for_reach(max_seq: usize) -> Windows {
        let window = max_seq.max(2);
        Windows {
            window,
            stride: window / 2,
        }
    }

    /// Tokens of a window.
    #[must_use]
    pub fn window(&self) -> usize {
        self.window
    }

    /// Tokens from the start of one window to the start of the next.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Number of windows over `tokens` tokens.
    #[must_use]
    pub fn count(&self, tokens: usize) -> usize {
        1 + tokens.saturating_sub(self.window).div_ceil(self.stride)
    }

    /// The window's tokens, and how many of its first ones are not scored.
    fn cut<'t>(&self, tokens: &'t [u32], window: usize) -> (&'t [u32], usize) {
        let start = window * self.stride;
        let end = tokens.len().min(start + self.window);
        let unscored = if window == 0 {
            1
        } else {
            self.window - self.stride
        };
        (&tokens[start..end], unscored)
    }
}

/// Scores a sequence of tokens.
///
/// Windows are shared by `threads` threads, each with a session of its own, as far as the model has free sessions. The
/// result does not depend on how many those are. `progress` is told how many tokens each window has scored, as windows
/// come to their end.
///
/// # Errors
/// If there are fewer than two tokens or one is not in the vocabulary, if the model is a classifier or has no free session,
/// or if a logit is not a number.
pub fn evaluate(
    model: &Model,
    tokens: &[u32],
    windows: Windows,
    threads: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Evaluation, RunError> {
    if model.classes().is_some() {
        return Err(RunError::NotALanguageModel);
    }
    if tokens.len() < 2 {
        let found = tokens.len();
        return Err(RunError::TextTooShort { found });
    }
    let count = windows.count(tokens.len());
    let mut sessions = vec![model.session()?];
    while sessions.len() < threads.min(count) {
        let Ok(session) = model.session() else { break };
        sessions.push(session);
    }
    let work = Work {
        tokens,
        windows,
        progress,
        next: AtomicUsize::new(0),
        nats: Mutex::new(vec![Ok(0.0); count]),
    };
    std::thread::scope(|scope| {
        for session in sessions.drain(1..) {
            scope.spawn(|| work.run(session));
        }
        if let Some(session) = sessions.pop() {
            work.run(session);
        }
    });
    let nats = work.nats.into_inner().unwrap_or_else(|e| e.into_inner());
    Ok(Evaluation {
        windows: count,
        scored: tokens.len() - 1,
        // In the order of the windows, whoever ran them.
        nats: nats.into_iter().sum::<Result<f64, RunError>>()?,
    })
}

/// Windows that several threads share.
struct Work<'w> {
    tokens: &'w [u32],
    windows: Windows,
    progress: &'w (dyn Fn(usize) + Sync),
    next: AtomicUsize,
    /// What each window costs.
    nats: Mutex<Vec<Result<f64, RunError>>>,
}

impl Work<'_> {
    /// Runs windows until none is left.
    fn run(&self, mut session: Session) {
        let count = self.windows.count(self.tokens.len());
        loop {
            let window = self.next.fetch_add(1, Ordering::Relaxed);
            if window >= count {
                return;
            }
            let (tokens, unscored) = self.windows.cut(self.tokens, window);
            let nats = score(&mut session, tokens, unscored);
            let failed = nats.is_err();
            self.nats.lock().unwrap_or_else(|e| e.into_inner())[window] = nats;
            if failed {
                self.next.store(count, Ordering::Relaxed);
                return;
            }
            (self.progress)(tokens.len() - unscored);
        }
    }
}

/// Runs a window from a fresh state; gives what its tokens from `unscored` on, of which there are some, cost.
fn score(session: &mut Session, tokens: &[u32], unscored: usize) -> Result<f64, RunError> {
    session.reset();
    let (given, scored) = tokens.split_at(unscored);
    let (before, _) = given.split_at(unscored - 1);
    if !before.is_empty() {
        session.prefill(before)?;
    }
    // What follows the last token, nobody asks.
    let mut nats = Ok(0.0);
    session.prefill_with(&tokens[unscored - 1..tokens.len() - 1], |i, logits| {
        if let Ok(sum) = nats {
            nats = cost(logits, scored[i]).map(|nats| sum + nats);
        }
    })?;
    nats
}

/// `-ln p(token)`, in f64: `ln(sum exp(logit - greatest)) - (logit of the token - greatest)`.
fn cost(logits: &[f32], token: u32) -> Result<f64, RunError> {
    let vocab = logits.len();
    let id = usize::try_from(token).ok();
    let own = id.and_then(|id| logits.get(id));
    let &own = own.ok_or(RunError::TokenOutOfRange { id: token, vocab })?;
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let distance = |logit: f32| f64::from(logit) - f64::from(greatest);
    let sum: f64 = logits.iter().map(|&logit| distance(logit).exp()).sum();
    let nats = sum.ln() - distance(own);
    if nats.is_finite() {
        Ok(nats)
    } else {
        Err(RunError::NoProbability { id: token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_but_the_first_is_scored_once() {
        for window in 2..9 {
            for stride in 1..window {
                let windows = Windows::new(window, stride).unwrap();
                for n in 2..40u32 {
                    let tokens: Vec<u32> = (0..n).collect();
                    let mut scored: Vec<u32> = Vec::new();
                    for k in 0..windows.count(tokens.len()) {
                        let (tokens, unscored) = windows.cut(&tokens, k);
                        assert!(unscored > 0 && unscored < tokens.len());
                        scored.extend(&tokens[unscored..]);
                    }
                    assert_eq!(scored, tokens[1..], "window {window}, stride {stride}");
                }
            }
        }
    }

    #[test]
    fn windows_have_limits() {
        for (window, stride) in [(0, 0), (1, 1), (8, 0), (8, 8), (8, 9)] {
            let error = Windows::new(window, stride).unwrap_err();
            assert_eq!(error, RunError::Windows { window, stride });
        }
        assert_eq!(Windows::for_reach(256), Windows::new(256, 128).unwrap());
        assert_eq!(Windows::for_reach(1), Windows::new(2, 1).unwrap());
    }

    #[test]
    fn costs_are_those_of_the_softmax() {
        let even = cost(&[3.0; 4], 2).unwrap();
        assert!((even - 4f64.ln()).abs() < 1e-15);
        let sure = cost(&[1000.0, 0.0], 0).unwrap();
        assert!(sure == 0.0 && cost(&[1000.0, 0.0], 1).unwrap() == 1000.0);
        assert!(cost(&[f32::NAN, 0.0], 0).is_err());
        assert!(cost(&[f32::INFINITY, 0.0], 0).is_err());
        assert_eq!(
            cost(&[0.0], 1),
            Err(RunError::TokenOutOfRange { id: 1, vocab: 1 })
        );
    }
}
