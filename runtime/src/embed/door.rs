//! What is public of the source: the model, the memory it works in, and its errors.

use super::{ALIGN, is_shared};
use crate::plan::Plan;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// What there is to say of a model.
pub(super) struct Door<'p> {
    pub(super) plan: &'p Plan,
    pub(super) vocab: usize,
    pub(super) classes: Option<usize>,
    pub(super) window: usize,
    pub(super) weights: usize,
    pub(super) block: usize,
}

impl Door<'_> {
    /// Bytes of a model's memory: its state, its logits, and what a block works in.
    pub(super) fn memory_bytes(&self) -> usize {
        self.plan.sizes.slot + self.plan.sizes.scratch
    }

    /// Where a tensor that a session reads or writes lies in the memory.
    pub(super) fn at(&self, tensor: crate::plan::Tensor) -> usize {
        let place = self.plan.tensor(tensor);
        debug_assert!(!is_shared(place.section), "a session reads what is its own");
        let base = match place.section.base() {
            crate::plan::Base::Scratch => self.plan.sizes.slot,
            _ => 0,
        };
        base + place.offset
    }

    pub(super) fn items(&self) -> TokenStream {
        let (memory, error, place) = (self.memory(), error(), self.place());
        let (constants, run) = (self.constants(), self.run());
        let classify = self.classify();
        quote! {
            #memory
            #error
            #place

            /// A model and what it remembers of the tokens so far. Making one allocates nothing, and nothing that it does does.
            pub struct Model<'m> {
                memory: &'m mut Memory,
                place: Place,
                position: u64,
                is_lost: bool,
            }

            #constants
            #run
            #classify
        }
    }

    fn constants(&self) -> TokenStream {
        let plan = self.plan;
        let number = Literal::usize_unsuffixed;
        let logits = number(plan.tensor(plan.ports.logits).bytes / 4);
        let (vocab, state) = (number(self.vocab), number(self.memory_bytes()));
        let (weights, block) = (number(self.weights), number(self.block));
        let remembered = number(plan.sizes.slot);
        quote! {
            impl Model<'_> {
                /// Token ids are below this.
                pub const VOCAB: usize = #vocab;
                /// Logits that follow a token: one for each id, or for each class of a classifier.
                pub const LOGITS: usize = #logits;
                /// Bytes of memory that a model works in: what it remembers, and what a step needs for itself.
                pub const STATE: usize = #state;
                /// Bytes of these that it remembers from token to token, its logits among them.
                pub const REMEMBERED: usize = #remembered;
                /// Bytes of weights and constants, which are only read.
                pub const WEIGHTS: usize = #weights;
                /// Tokens that are run at once.
                pub const BLOCK: usize = #block;
            }
        }
    }

    fn memory(&self) -> TokenStream {
        let bytes = Literal::usize_unsuffixed(self.memory_bytes());
        let align = Literal::usize_unsuffixed(ALIGN);
        quote! {
            /// The memory that a model works in; where it lies is whoever makes it to say.
            #[repr(C, align(#align))]
            pub struct Memory([u8; #bytes]);

            impl Memory {
                /// Memory for one model.
                #[must_use]
                pub const fn new() -> Memory {
                    Memory([0; #bytes])
                }
            }

            impl ::core::default::Default for Memory {
                fn default() -> Memory {
                    Memory::new()
                }
            }
        }
    }

    /// Where a token's key and value go in the cache of attention.
    fn place(&self) -> TokenStream {
        let window = Literal::usize_unsuffixed(self.window.max(1));
        quote! {
            /// Where the current token is among the cached positions, of which the oldest leave.
            #[derive(Clone, Copy)]
            struct Place {
                slot: usize,
                /// Cached positions, the current one among them.
                len: usize,
            }

            #[allow(dead_code, reason = "a model without attention has no cache")]
            impl Place {
                const WINDOW: usize = #window;
                /// Before the first token.
                const START: Place = Place {
                    slot: #window - 1,
                    len: 0,
                };

                /// Goes to the place of the next token.
                fn enter(&mut self) {
                    self.slot = if self.slot + 1 == Place::WINDOW { 0 } else { self.slot + 1 };
                    self.len = if self.len < Place::WINDOW { self.len + 1 } else { Place::WINDOW };
                }

                /// The slot of the oldest cached position.
                fn oldest(self) -> usize {
                    match self.len < Place::WINDOW || self.slot + 1 == Place::WINDOW {
                        true => 0,
                        false => self.slot + 1,
                    }
                }
            }
        }
    }

    fn run(&self) -> TokenStream {
        let ports = &self.plan.ports;
        let (ids, logits, argmax) = (
            self.at(ports.ids),
            self.at(ports.logits),
            self.at(ports.argmax),
        );
        let [ids, logits, argmax] = [ids, logits, argmax].map(Literal::usize_unsuffixed);
        let count = Literal::usize_unsuffixed(self.plan.tensor(ports.logits).bytes / 4);
        quote! {
            /// Whether there are tokens, and each is one of the model's.
            fn check<T>(tokens: &[T]) -> ::core::result::Result<(), Error>
            where
                T: ::core::marker::Copy + ::core::convert::Into<u32>,
            {
                if tokens.is_empty() {
                    return ::core::result::Result::Err(Error::Empty);
                }
                for token in tokens {
                    let id: u32 = ::core::convert::Into::into(*token);
                    if id as usize >= Model::VOCAB {
                        return ::core::result::Result::Err(Error::Token { id });
                    }
                }
                ::core::result::Result::Ok(())
            }

            impl<'m> Model<'m> {
                /// A model that has seen nothing.
                #[must_use]
                pub fn new(memory: &'m mut Memory) -> Model<'m> {
                    let mut model = Model {
                        memory,
                        place: Place::START,
                        position: 0,
                        is_lost: false,
                    };
                    model.reset();
                    model
                }

                /// Forgets everything.
                pub fn reset(&mut self) {
                    self.memory.0.fill(0);
                    self.place = Place::START;
                    self.position = 0;
                    self.is_lost = false;
                }

                /// Tokens seen so far.
                #[must_use]
                pub fn position(&self) -> u64 {
                    self.position
                }

                /// Takes in one token, and gives the logits that follow it.
                ///
                /// # Errors
                /// If the token is not below [`Model::VOCAB`]: nothing has changed then. If the logits are not finite: from then
                /// on the model takes nothing in until it is [reset](Model::reset).
                pub fn step(&mut self, token: u32) -> ::core::result::Result<&[f32; #count], Error> {
                    self.prefill(&[token])
                }

                /// Takes in tokens, and gives the logits that follow the last one: the bits of a [`Model::step`] for each.
                ///
                /// # Errors
                /// As [`Model::step`], or if there are none.
                pub fn prefill<T>(&mut self, tokens: &[T]) -> ::core::result::Result<&[f32; #count], Error>
                where
                    T: ::core::marker::Copy + ::core::convert::Into<u32>,
                {
                    check(tokens)?;
                    if self.is_lost {
                        return ::core::result::Result::Err(Error::Lost);
                    }
                    let memory = self.memory.0.as_mut_ptr();
                    let mut count = 0;
                    for tokens in tokens.chunks(Self::BLOCK) {
                        count = tokens.len();
                        // SAFETY: the memory has room for the ids of a block.
                        let ids = unsafe { memory.add(#ids) }.cast::<u32>();
                        for (i, token) in tokens.iter().enumerate() {
                            // SAFETY: a block has at most as many tokens as there is room for; memory is aligned.
                            unsafe { *ids.add(i) = ::core::convert::Into::into(*token) };
                        }
                        // SAFETY: the memory is the model's own, and so are the ids, which were checked.
                        self.place = unsafe { body(memory, count, self.place) };
                        self.position = self.position.saturating_add(count as u64);
                    }
                    // SAFETY: as for the block that just ran.
                    unsafe { head(memory, count) };
                    let mut carries = 0;
                    for logit in self.logits() {
                        // Infinities and NaN have an exponent that carries into the sign.
                        carries |= (logit.to_bits() & 0x7fff_ffff) + 0x0080_0000;
                    }
                    if carries >> 31 != 0 {
                        self.is_lost = true;
                        return ::core::result::Result::Err(Error::NotFinite);
                    }
                    ::core::result::Result::Ok(self.logits())
                }

                /// What follows the last token. Zeros before the first one.
                #[must_use]
                pub fn logits(&self) -> &[f32; #count] {
                    // SAFETY: the plan has so many numbers there, aligned, and every bit pattern is one.
                    unsafe { &*self.memory.0.as_ptr().add(#logits).cast() }
                }

                /// Index of the greatest logit, the lowest among equals.
                #[must_use]
                pub fn argmax(&self) -> u32 {
                    // SAFETY: as of the logits.
                    unsafe { *self.memory.0.as_ptr().add(#argmax).cast() }
                }
            }
        }
    }

    fn classify(&self) -> TokenStream {
        let Some(classes) = self.classes else {
            return TokenStream::new();
        };
        let classes = Literal::usize_unsuffixed(classes);
        quote! {
            impl Model<'_> {
                /// Classes that there are.
                pub const CLASSES: usize = #classes;

                /// Forgets everything, takes in tokens and gives the class that they belong to, below [`Model::CLASSES`].
                ///
                /// # Errors
                /// As [`Model::prefill`]. Where tokens are refused, nothing has changed.
                pub fn classify<T>(&mut self, tokens: &[T]) -> ::core::result::Result<u32, Error>
                where
                    T: ::core::marker::Copy + ::core::convert::Into<u32>,
                {
                    check(tokens)?;
                    self.reset();
                    match self.prefill(tokens) {
                        ::core::result::Result::Ok(_) => ::core::result::Result::Ok(self.argmax()),
                        ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
                    }
                }
            }
        }
    }
}

fn error() -> TokenStream {
    quote! {
        /// Why a model did not take tokens in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Error {
            /// There are no tokens.
            Empty,
            /// A token is not below [`Model::VOCAB`].
            Token {
                /// The token.
                id: u32,
            },
            /// The logits are not finite.
            NotFinite,
            /// The logits have not been finite since the last [reset](Model::reset).
            Lost,
        }

        impl ::core::fmt::Display for Error {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self {
                    Error::Empty => f.write_str("expected a token, found none"),
                    Error::Token { id } => {
                        ::core::write!(f, "expected a token below {}, found {id}", Model::VOCAB)
                    }
                    Error::NotFinite => f.write_str("the logits are not finite"),
                    Error::Lost => f.write_str("the logits were not finite, and the model was not reset since"),
                }
            }
        }

        impl ::core::error::Error for Error {}
    }
}
