//! Runs a pattern over bytes: alternatives in order, repetitions as long as they can be and then shorter.

use super::class::Class;
use crate::utf8;

/// Characters that a search may look at, for each byte of the text. A pattern of a tokenizer takes a few; one that was made to
/// look at them again and again finds nothing more then.
const LOOKS_PER_BYTE: usize = 256;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) insts: Vec<Inst>,
    pub(super) classes: Vec<Class>,
    /// The ASCII characters that a match can start with.
    pub(super) first: u128,
}

/// What a program does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inst {
    /// Takes characters of a class: as many as there are from `least` to `most`, fewer where the rest fails, unless it `keeps`.
    Run {
        class: usize,
        least: u32,
        most: u32,
        keeps: bool,
    },
    /// Goes on, and from there if that fails.
    Or(usize),
    /// Goes on there.
    Jump(usize),
    /// Goes on after it, if what follows up to its [`Inst::Done`] matches, or does not.
    Look { not: bool, after: usize },
    /// The text ends.
    End,
    /// A match.
    Done,
}

/// Where to go on when what was tried failed.
#[derive(Clone, Copy, Debug)]
struct Retry {
    inst: usize,
    /// How far the text is taken, at most and at least.
    at: usize,
    least: usize,
}

impl Program {
    pub(super) fn class(&mut self, class: &Class) -> usize {
        self.classes.push(class.clone());
        self.classes.len() - 1
    }

    /// A search through a text.
    pub(super) fn search<'s>(&'s self, text: &'s [u8]) -> Search<'s> {
        Search {
            program: self,
            text,
            retries: Vec::new(),
            looks: LOOKS_PER_BYTE.saturating_mul(text.len() + 1),
        }
    }
}

/// A search in progress.
pub(super) struct Search<'s> {
    program: &'s Program,
    text: &'s [u8],
    retries: Vec<Retry>,
    looks: usize,
}

impl Search<'_> {
    /// The next match at `from` or later: where it starts and ends. None is empty.
    pub(super) fn next_match(&mut self, from: usize) -> Option<(usize, usize)> {
        let mut at = from;
        while let Some(&byte) = self.text.get(at) {
            let may = !byte.is_ascii() || self.program.first >> byte & 1 != 0;
            if may && let Some(end) = self.run(0, at).filter(|end| *end > at) {
                return Some((at, end));
            }
            if self.looks == 0 {
                return None;
            }
            at += utf8::first(&self.text[at..]).1;
        }
        None
    }

    /// The end of a match of the program from `inst` on that starts at `at`.
    fn run(&mut self, mut inst: usize, mut at: usize) -> Option<usize> {
        let bottom = self.retries.len();
        loop {
            let next = match self.program.insts[inst] {
                Inst::Done => {
                    self.retries.truncate(bottom);
                    return Some(at);
                }
                Inst::Jump(to) => Some((to, at)),
                Inst::Or(other) => {
                    self.retries.push(Retry {
                        inst: other,
                        at,
                        least: at,
                    });
                    Some((inst + 1, at))
                }
                Inst::End => (at == self.text.len()).then_some((inst + 1, at)),
                Inst::Look { not, after } => {
                    let found = self.run(inst + 1, at).is_some();
                    (found != not).then_some((after, at))
                }
                Inst::Run {
                    class,
                    least,
                    most,
                    keeps,
                } => self
                    .take(class, at, (least, most))
                    .map(|(shortest, longest)| {
                        if !keeps && shortest < longest {
                            self.retries.push(Retry {
                                inst: inst + 1,
                                at: longest,
                                least: shortest,
                            });
                        }
                        (inst + 1, longest)
                    }),
            };
            (inst, at) = match next {
                Some(next) => next,
                None => self.retry(bottom)?,
            };
        }
    }

    /// Takes characters of a class: where the fewest and the most end.
    fn take(
        &mut self,
        class: usize,
        from: usize,
        (least, most): (u32, u32),
    ) -> Option<(usize, usize)> {
        let class = &self.program.classes[class];
        let (mut at, mut taken, mut shortest) = (from, 0, from);
        while taken < most && at < self.text.len() {
            let (c, length) = utf8::first(&self.text[at..]);
            if !class.has(c) {
                break;
            }
            (at, taken) = (at + length, taken + 1);
            if taken <= least {
                shortest = at;
            }
        }
        self.looks = self.looks.saturating_sub(taken as usize + 1);
        (taken >= least).then_some((shortest, at))
    }

    /// What is to be tried next, of what this run left to try.
    fn retry(&mut self, bottom: usize) -> Option<(usize, usize)> {
        if self.looks == 0 {
            self.retries.truncate(bottom);
        }
        if self.retries.len() == bottom {
            return None;
        }
        self.looks -= 1;
        let retry = self.retries.last_mut()?;
        if retry.at == retry.least {
            let Retry { inst, at, .. } = *retry;
            self.retries.pop();
            return Some((inst, at));
        }
        // A repetition, with a character less; `least` is where the last one that it can do without starts.
        retry.at -= utf8::last(&self.text[..retry.at]);
        let Retry { inst, at, least } = *retry;
        if at == least {
            self.retries.pop();
        }
        Some((inst, at))
    }
}
