//! Loops become straight code, or do several iterations at once.
//!
//! Preconditions: the function is verified. Inner loops come first. Then, of a loop that asks
//! for `unroll` copies of its body:
//!
//! - no iteration: the loop goes, its results are the initial values;
//! - where a number decides whether it runs: it stays as it is;
//! - one iteration: the body takes its place, whether or not it asks;
//! - a constant trip count of at most `unroll`, and at most [`STATEMENTS`] statements in all:
//!   straight code;
//! - otherwise, open trip counts included, a main loop of `trip / u` iterations with `u`
//!   copies each, where `u` is `unroll`, or as many copies as have [`STATEMENTS`] statements;
//!   then the rest, straight if its trip count is constant, or a second loop.
//!
//! Copies take the counter `c` apart: in addresses, where it is `u * c' + j`, into strides and
//! bases; where it is read as a number, into an i32 that the new loop carries. A loop whose
//! counter another loop carries stays as it is. Afterwards no loop asks for copies.

mod copy;

use super::walk::{Aliases, statements};
use crate::ir::{BinaryOp, Block, Carried, Function, Inst, Loop, Size, Stmt, Type, Value};
use copy::{Position, counter_uses};

/// The most statements that one loop's copies may have together.
pub const STATEMENTS: u64 = 2048;

/// Runs the pass.
pub fn run(function: &mut Function) {
    let body = std::mem::take(&mut function.body);
    let mut pass = Unroll {
        function,
        aliases: Aliases::default(),
    };
    let body = pass.block(body);
    function.body = body;
}

struct Unroll<'a> {
    function: &'a mut Function,
    aliases: Aliases,
}

/// What goes from one iteration to the next.
#[derive(Clone)]
struct State {
    carried: Vec<Value>,
    /// The counter as an i32, where the body reads it so.
    number: Option<Value>,
}

impl Unroll<'_> {
    fn block(&mut self, block: Block) -> Block {
        let mut out = Block::with_capacity(block.len());
        for stmt in block {
            match stmt {
                Stmt::For(mut l) => {
                    l.map_entering(|v| self.aliases.get(v));
                    l.body = self.block(l.body);
                    for c in &mut l.carried {
                        c.next = self.aliases.get(c.next);
                    }
                    self.expand(l, &mut out);
                }
                stmt => out.push(self.aliases.in_simple(stmt)),
            }
        }
        out
    }

    fn expand(&mut self, mut l: Loop, out: &mut Block) {
        let uses = counter_uses(&l);
        let size = statements(&l.body).max(1);
        let copies = u64::from(l.unroll).min(STATEMENTS / size).max(1);
        l.unroll = 1;
        let carried: Vec<Value> = l.carried.iter().map(|c| c.init).collect();
        let ends = match l.known_trip() {
            Some(0) => carried,
            _ if uses.escapes || l.when.is_some() => return out.push(Stmt::For(l)),
            Some(trip) if trip <= copies => {
                let number = uses.number.then(|| self.number(0, out));
                let state = State { carried, number };
                self.straight(&l, trip, Size::ZERO, state, out).carried
            }
            _ if copies == 1 => return out.push(Stmt::For(l)),
            _ => {
                let number = uses.number.then(|| self.number(0, out));
                let state = State { carried, number };
                self.partial(&l, copies, state, out).carried
            }
        };
        for (c, end) in l.carried.iter().zip(ends) {
            self.aliases.insert(c.result, end);
        }
    }

    /// A main loop of `copies` iterations at once, then the rest.
    fn partial(&mut self, l: &Loop, copies: u64, state: State, out: &mut Block) -> State {
        let main = l.trip.clone().div(copies);
        let rest = l.trip.clone().rem(copies);
        let done = main.clone() * copies;
        let state = self.repeat(l, main, copies, Size::ZERO, state, out);
        match rest.as_const() {
            Some(rest) => self.straight(l, rest, done, state, out),
            None => self.repeat(l, rest, 1, done, state, out),
        }
    }

    /// Iterations `first .. first + trip` of `l`, one after the other.
    fn straight(
        &mut self,
        l: &Loop,
        trip: u64,
        first: Size,
        mut state: State,
        out: &mut Block,
    ) -> State {
        for j in 0..trip {
            let position = Position {
                index: None,
                offset: first.clone() + j,
            };
            state = self.iteration(l, &position, state, out);
        }
        state
    }

    /// A loop of `trip` iterations, each of which does `copies` of `l`, from number `first` on.
    fn repeat(
        &mut self,
        l: &Loop,
        trip: Size,
        copies: u64,
        first: Size,
        state: State,
        out: &mut Block,
    ) -> State {
        let counter = self.function.new_value(Type::Index);
        let inits = state.carried.iter().chain(&state.number).copied();
        let inits: Vec<Value> = inits.collect();
        let params = self.values_like(&inits);
        let results = self.values_like(&inits);
        let pack = |values: &[Value]| State {
            carried: values[..l.carried.len()].to_vec(),
            number: values.get(l.carried.len()).copied(),
        };
        let mut body = Block::new();
        let mut state = pack(&params);
        for j in 0..copies {
            let position = Position {
                index: Some((counter, copies)),
                offset: first.clone() + j,
            };
            state = self.iteration(l, &position, state, &mut body);
        }
        let nexts = state.carried.iter().chain(&state.number);
        let carried = nexts
            .enumerate()
            .map(|(i, next)| Carried {
                param: params[i],
                init: inits[i],
                next: *next,
                result: results[i],
            })
            .collect();
        out.push(Stmt::For(Loop {
            counter,
            trip,
            when: None,
            unroll: 1,
            carried,
            body,
        }));
        pack(&results)
    }

    /// One copy of the body.
    fn iteration(&mut self, l: &Loop, position: &Position, state: State, out: &mut Block) -> State {
        let carried = copy::body(
            self.function,
            l,
            position,
            &state.carried,
            state.number,
            out,
        );
        let number = state.number.map(|number| {
            let one = self.number(1, out);
            let next = self.function.new_value(Type::I32);
            out.push(Stmt::Let(next, Inst::Binary(BinaryOp::Add, number, one)));
            next
        });
        State { carried, number }
    }

    fn number(&mut self, x: i32, out: &mut Block) -> Value {
        let value = self.function.new_value(Type::I32);
        out.push(Stmt::Let(value, Inst::I32(x)));
        value
    }

    fn values_like(&mut self, like: &[Value]) -> Vec<Value> {
        like.iter()
            .map(|v| self.function.new_value(self.function.type_of(*v)))
            .collect()
    }
}
